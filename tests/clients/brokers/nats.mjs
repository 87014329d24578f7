import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { freePort, launch, scratch } from "./program.mjs";

/** A NATS server with WebSockets. */
export async function natsServer() {
  const folder = await scratch();
  const port = await freePort();
  const configuration = join(folder, "nats.conf");
  await writeFile(
    configuration,
    `listen: "127.0.0.1:${await freePort()}"\nwebsocket { listen: "127.0.0.1:${port}", no_tls: true }\n`,
  );
  return { process: await launch("nats-server", ["-c", configuration], { ready: "Server is ready" }), port };
}
