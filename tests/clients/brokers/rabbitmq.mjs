import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { freePort, launch, scratch } from "./program.mjs";

/** Debian's own script wants to be root or the user rabbitmq; this is the one that it calls. */
export const PROGRAM = "/usr/lib/rabbitmq/bin/rabbitmq-server";

/** Where Erlang's nodes learn each other's ports: of the tests alone. */
let names;
async function portMapper() {
  names ??= freePort().then(async (port) => {
    const epmd = spawn("epmd", ["-port", String(port)], { stdio: "ignore" });
    process.once("exit", () => epmd.kill());
    epmd.unref();
    await once(epmd, "spawn");
    return port;
  });
  return names;
}

/** A RabbitMQ, of no cluster, that speaks STOMP by WebSocket. */
export async function rabbitMq() {
  const folder = await scratch();
  const port = await freePort();
  const at = (name) => join(folder, name);
  const [plain, amqp, distribution] = [await freePort(), await freePort(), await freePort()];
  await writeFile(
    at("rabbitmq.conf"),
    [
      `listeners.tcp.1 = 127.0.0.1:${amqp}`,
      `stomp.listeners.tcp.1 = 127.0.0.1:${plain}`,
      `web_stomp.tcp.ip = 127.0.0.1`,
      `web_stomp.tcp.port = ${port}`,
      "",
    ].join("\n"),
  );
  await writeFile(at("enabled_plugins"), "[rabbitmq_web_stomp].\n");
  const child = await launch(PROGRAM, [], {
    ready: "completed with",
    env: {
      HOME: folder,
      // Then the script becomes the broker, instead of waiting for it.
      RABBITMQ_ALLOW_INPUT: "1",
      ERL_EPMD_PORT: String(await portMapper()),
      RABBITMQ_NODENAME: `evenkeel-${port}@localhost`,
      RABBITMQ_DIST_PORT: String(distribution),
      RABBITMQ_CONFIG_FILE: at("rabbitmq.conf"),
      RABBITMQ_ENABLED_PLUGINS_FILE: at("enabled_plugins"),
      RABBITMQ_MNESIA_BASE: at("mnesia"),
      RABBITMQ_LOG_BASE: at("log"),
    },
  });
  return { process: child, port };
}
