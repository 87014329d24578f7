// A client in Node, as a process of its own: does what its parent asks.

import { pathToFileURL } from "node:url";
import { WebSocket } from "ws";

const client = await import(pathToFileURL(process.argv[2]));

process.on("message", async ({ id, name, values }) => {
  try {
    if (name === "open") values[1] = { ...values[1], WebSocket };
    process.send({ id, value: await client[name](...values) });
  } catch (error) {
    process.send({ id, error: error?.stack ?? String(error) });
  }
});
process.send({ ready: true });
