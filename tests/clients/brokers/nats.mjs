import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { freePort, launch, scratch } from "./program.mjs";

/** Where Debian and Ubuntu have it; it need not be in the path. */
export const PROGRAM = "/usr/sbin/nats-server";

/** A NATS server with WebSockets. */
export async function natsServer() {
  const folder = await scratch();
  const port = await freePort();
  const configuration = join(folder, "nats.conf");
  await writeFile(
    configuration,
    `listen: "127.0.0.1:${await freePort()}"\nwebsocket { listen: "127.0.0.1:${port}", no_tls: true }\n`,
  );
  return { process: await launch(PROGRAM, ["-c", configuration], { ready: "Server is ready" }), port };
}
