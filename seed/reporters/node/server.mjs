// A WebSocket server that reports to seeds. It echoes; what is below the line is for any server.

import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { WebSocketServer } from "ws";

for (const name of ["SEEDS", "TOKEN", "ID", "URL", "PORT"]) {
  if (!process.env[name]) throw new Error(`${name} is not set: see README.md`);
}
const { SEEDS, TOKEN, ID, URL: url, PORT, CAPACITY = "1000", DRAIN_SECONDS = "120" } = process.env;

const server = new WebSocketServer({ port: Number(PORT) });
server.on("connection", (socket) => {
  socket.on("error", () => {}); // The socket closes after it.
  socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary }));
});
await once(server, "listening");

// ---------------------------------------------------------------------------------------------------------- reporting

const drain = new AbortController();
const leave = new AbortController();

/** Tells one seed of this server until it leaves, whatever becomes of the other seeds. */
async function report(seed) {
  let complaint;
  const complain = ({ cause, message }) => {
    const reason = cause?.code ?? message;
    if (reason !== complaint) console.error(`${seed}: ${reason}`);
    complaint = reason;
  };
  for (const over of [drain.signal, leave.signal]) {
    while (!over.aborted) {
      let pause = 1 + Math.random();
      try {
        const users = server.clients.size;
        const answer = await ask(seed, "PUT", {
          url,
          users,
          capacity: Number(CAPACITY),
          draining: drain.signal.aborted,
        });
        if (!(answer.reportAfter > 0)) throw new Error("no seed: its answer has no `reportAfter`");
        pause = answer.reportAfter;
        complaint = undefined;
      } catch (error) {
        complain(error);
      }
      await sleep(pause * 1_000, undefined, { signal: over }).catch(() => {});
    }
  }
  await ask(seed, "DELETE").catch(complain);
}

async function ask(seed, method, body) {
  const response = await fetch(`${seed}/${encodeURIComponent(ID)}`, {
    method,
    headers: { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(2_000),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${response.status} ${text.slice(0, 500)}`);
  return text && JSON.parse(text);
}

const reports = SEEDS.split(",").map(report);

for (const signal of ["SIGTERM", "SIGINT"]) {
  process.on(signal, async () => {
    if (drain.signal.aborted) process.exit(1); // Told twice: at once.
    drain.abort();
    const end = Date.now() + Number(DRAIN_SECONDS) * 1_000;
    while (server.clients.size && Date.now() < end) await sleep(100);
    for (const socket of server.clients) socket.close(1001);
    leave.abort();
    await Promise.all(reports);
    process.exit(0);
  });
}
