// Servers of one kind, each a process that can be killed, and the seed that lists them.

import { fork } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { createServer as listen } from "node:net";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { killGroup } from "../brokers/program.mjs";
import { connectionsAt } from "./connections.mjs";
import { PACE } from "./pace.js";

/**
 * A seed learns of a death so much later, in ms: until then only what a client remembers keeps it away. (From 3 s on, a list that
 * shows the server as available would know better.)
 */
const DETECTION = 2_500;

/** Enough to lose two. */
const SIZE = 3;

/** One of ours, by the name of its module in servers/. `{ process, port, path }` */
export async function ofOurs(name) {
  const program = fileURLToPath(new URL("../servers/main.mjs", import.meta.url));
  const child = fork(program, [name], { detached: true });
  const [{ port }] = await once(child, "message");
  return { process: child, port };
}

export class Fleet {
  #servers = new Map();
  #files = new Map();
  #http;
  #feed;

  /** `start` gives a server, ready to be connected to. */
  static async start(start) {
    const fleet = new Fleet();
    try {
      await fleet.#startAll(start);
      fleet.#http = createServer((request, response) => fleet.#answer(request, response)).listen(0, "127.0.0.1");
      await once(fleet.#http, "listening");
    } catch (error) {
      await fleet.stop();
      throw error;
    }
    fleet.origin = `http://127.0.0.1:${fleet.#http.address().port}`;
    fleet.seed = `${fleet.origin}/servers`;
    return fleet;
  }

  async #startAll(start) {
    const started = await Promise.allSettled(Array.from({ length: SIZE }, start));
    started.forEach(({ value }, index) => {
      const id = String.fromCharCode(97 + index);
      if (value) this.#servers.set(id, { ...value, id, diedAt: Infinity, tried: 0 });
    });
    const failed = started.find(({ reason }) => reason);
    if (failed) throw failed.reason;
  }

  /** Tells the servers the numbers 1, 2, 3 …, all of them the same: a stream that clients can follow from any. */
  feed() {
    let n = 0;
    this.#feed = setInterval(() => {
      n += 1;
      for (const { process, diedAt } of this.#servers.values()) if (diedAt === Infinity) process.send(n);
    }, PACE);
  }

  /** Has pages find a file: its address. */
  serve(file) {
    const path = `/${basename(file)}`;
    this.#files.set(path, file);
    return path;
  }

  /** The ids of the servers that hold connections, with how many. */
  async where() {
    const all = [...this.#servers.values()].filter(({ diedAt }) => diedAt === Infinity);
    const counts = await Promise.all(all.map(async ({ id, port }) => [id, await connectionsAt(port)]));
    return Object.fromEntries(counts.filter(([, count]) => count));
  }

  /** Kills a server; whoever still comes to where it was is counted, and sent away. */
  async kill(id) {
    const server = this.#servers.get(id);
    server.diedAt = Date.now();
    killGroup(server.process);
    await once(server.process, "exit");
    server.tombstone = listen((socket) => {
      server.tried += 1;
      socket.destroy();
    }).listen(server.port, "127.0.0.1");
    await once(server.tombstone, "listening");
  }

  /** How often anyone has come to where the killed ones were. */
  get tried() {
    return [...this.#servers.values()].reduce((sum, { tried }) => sum + tried, 0);
  }

  async #list() {
    const now = Date.now();
    const servers = [...this.#servers.values()].map(async ({ id, port, path = "", diedAt }) => ({
      id,
      url: `ws://127.0.0.1:${port}${path}`,
      available: now < diedAt + DETECTION,
      users: now < diedAt ? await connectionsAt(port) : 0,
      capacity: 100,
    }));
    return { ttl: 1, servers: await Promise.all(servers) };
  }

  async #answer({ url }, response) {
    const headers = { "Access-Control-Allow-Origin": "*", "Cache-Control": "no-store" };
    const answer = (type, body) => response.writeHead(200, { ...headers, "Content-Type": type }).end(body);
    const file = this.#files.get(url);
    if (url === "/servers") answer("application/json", JSON.stringify(await this.#list()));
    else if (file) answer("text/javascript", await readFile(file));
    else if (url === "/")
      answer("text/html; charset=utf-8", "<!doctype html><title>A client</title><link rel=icon href=data:,>");
    else response.writeHead(404).end();
  }

  async stop() {
    clearInterval(this.#feed);
    for (const { process, tombstone } of this.#servers.values()) {
      killGroup(process);
      tombstone?.close();
    }
    this.#http?.closeAllConnections();
    this.#http?.close();
  }
}
