// Reporting servers as processes, and their clients.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { WebSocket } from "ws";
import { TOKEN } from "../support/seed.mjs";

/** How long anything may take on a busy machine, in ms, where the test is not about how long it takes. */
export const PATIENCE = 15_000;

/** In how many ms a report that is refused is tried again at least twice: after 1 to 2 s each. */
export const TWO_TRIES = 4_500;

/** Waits until `look` gives something that `is` so, and gives it. */
export async function until(look, is, what, within = PATIENCE) {
  const end = Date.now() + within;
  for (;;) {
    const seen = await look();
    if (is(seen)) return seen;
    if (Date.now() > end) throw new Error(`not within ${within} ms: ${what}; seen last: ${JSON.stringify(seen)}`);
    await sleep(50);
  }
}

/** What a promise comes to, if that is in time. */
function inTime(promise, what) {
  const late = once(AbortSignal.timeout(PATIENCE), "abort").then(() => {
    throw new Error(`not within ${PATIENCE} ms: ${what}`);
  });
  return Promise.race([promise, late]);
}

/** Where this process looks for ports: below those of outgoing connections, which could take one meanwhile. */
let nextPort = 10_000 + (process.pid % 200) * 100;

/** A port that nobody has, and that nobody is given who asks for any. */
export async function quietPort() {
  for (;;) {
    const port = nextPort++;
    const server = createServer();
    const free = await new Promise((resolve) => {
      server.once("error", () => resolve(false)).listen(port, () => server.close(() => resolve(true)));
    });
    if (free) return port;
  }
}

/** A program that reports. It has nothing of this process's environment but what finds programs. */
export class Reporter {
  /** What it has complained of, line by line. */
  complaints = [];
  #child;
  #ended;

  constructor([program, ...args], settings) {
    const { PATH, HOME } = process.env;
    this.#child = spawn(program, args, {
      env: { PATH, HOME, TOKEN, CAPACITY: "50", ...settings },
      stdio: ["ignore", "inherit", "pipe"],
    });
    let rest = "";
    this.#child.stderr.setEncoding("utf8").on("data", (text) => {
      const lines = (rest + text).split("\n");
      rest = lines.pop();
      this.complaints.push(...lines);
    });
    this.#ended = once(this.#child, "exit").then(([code, signal]) => ({ code, signal }));
  }

  /** With which code, or by which signal. */
  ended() {
    return inTime(this.#ended, "the program ends");
  }

  tell(signal) {
    this.#child.kill(signal);
  }

  async kill() {
    this.tell("SIGKILL");
    await this.#ended;
  }
}

/** Starts the server that a command is for, and waits until it serves. */
export async function startServer(command, { id, seeds, ...settings }) {
  const port = await quietPort();
  const url = `ws://127.0.0.1:${port}`;
  const server = new Reporter(command, { ID: id, SEEDS: seeds.join(), URL: url, PORT: String(port), ...settings });
  server.url = url;
  const dead = server.ended().then(({ code, signal }) => {
    throw new Error(`it ended with ${code ?? signal}: ${server.complaints.join("\n")}`);
  });
  try {
    const serving = until(() => connect(url).catch(() => undefined), Boolean, "the server serves");
    const client = await Promise.race([serving, dead]);
    await client.close();
  } catch (error) {
    await server.kill();
    throw error;
  }
  return server;
}

/** A client of a server, once it is connected. */
export async function connect(url) {
  const socket = new WebSocket(url);
  socket.on("error", () => {}); // A `close` follows.
  await once(socket, "open");
  const closed = once(socket, "close").then(([code]) => code);
  return {
    /** The code with which it is closed. */
    closed: () => inTime(closed, "the client is disconnected"),
    /** What comes back for this. */
    async echo(data) {
      socket.send(data);
      const [answer, isBinary] = await once(socket, "message", { signal: AbortSignal.timeout(PATIENCE) });
      return isBinary ? answer : answer.toString();
    },
    async close() {
      socket.close();
      await closed;
    },
  };
}

/** A seed that takes every request and answers none. */
export async function silentSeed() {
  const sockets = new Set();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {}).resume();
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    list: `http://127.0.0.1:${server.address().port}/servers`,
    asked: () => sockets.size,
    stop() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
