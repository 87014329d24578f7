// What the tests need to be told of the machine. `npm test` tells it.

import { createServer } from "node:net";

/** An environment variable that must be set. */
export function required(name) {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: run this by \`npm test -- --only SUITE\``);
  return value;
}

/** A port of this machine that is free now. */
export async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}
