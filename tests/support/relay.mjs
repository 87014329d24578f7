// Passes connections on, from where one process listens to where another one does: a path of the file system or a port.
// As a program (`relay.mjs FROM TO`) it does so in another network namespace.

import { connect, createServer } from "node:net";
import { fileURLToPath } from "node:url";

/** Resolves with the server, once it listens. */
export function relay(from, to) {
  const server = createServer((near) => {
    const far = connect(to);
    near.pipe(far).pipe(near);
    // What ends one end ends the other.
    near.on("error", () => far.destroy());
    far.on("error", () => near.destroy());
  });
  return new Promise((resolve, reject) => {
    server.once("error", reject).listen(from, () => resolve(server));
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [from, port] = process.argv.slice(2);
  await relay({ path: from }, { port, host: "127.0.0.1" });
}
