// Servers that are programs of the machine: where they listen, and when they do.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

/** The longest that one takes to start, in ms. */
const PATIENCE = 60_000;

/** A port that nobody listens on. */
export async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

const folders = [];
process.once("exit", () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** A folder for what a program leaves behind, until the test file is through. */
export async function scratch() {
  const folder = await mkdtemp(join(tmpdir(), "evenkeel-broker-"));
  folders.push(folder);
  return folder;
}

/** Starts a program, with whatever it starts itself as one group, and waits until it says `ready`. */
export async function launch(program, parameters, { ready, env }) {
  const child = spawn(program, parameters, {
    detached: true,
    env: { ...process.env, ...env },
    stdio: ["pipe", "pipe", "pipe"],
  });
  const said = [];
  const started = new Promise((resolve, reject) => {
    for (const output of [child.stdout, child.stderr])
      createInterface(output).on("line", (line) => {
        said.push(line);
        if (line.includes(ready)) resolve();
      });
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`${program} ended with ${code}:\n${said.join("\n")}`)));
    setTimeout(() => reject(new Error(`${program} is not ready:\n${said.join("\n")}`)), PATIENCE).unref();
  });
  try {
    await started;
  } catch (error) {
    killGroup(child);
    throw error;
  }
  return child;
}

/** Kills a program and whatever it has started. */
export function killGroup({ pid }) {
  try {
    if (pid) process.kill(-pid, "SIGKILL");
  } catch (error) {
    if (error.code !== "ESRCH") throw error;
  }
}
