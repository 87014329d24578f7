// Where a page is served from: what a tool has built, or the tool's own server.

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { stripVTControlCharacters } from "node:util";
import { startFleets } from "../support/fleet.mjs";

/** How long a tool's server may take to say where it serves, in ms. */
const PATIENCE = 60_000;

/** Serves folders, by path. `{ address, stop() }` */
export async function serveFolders(mounts) {
  const { origin, stop } = await startFleets(mounts);
  return { address: `${origin}/`, stop };
}

/** Runs a tool's server by Node, until it prints its address. `{ address, stop() }` */
export async function serveByTool(command, folder) {
  const child = spawn(process.execPath, command, {
    cwd: folder,
    // With whatever processes it has of its own.
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const printed = [];
  const address = await new Promise((resolve, reject) => {
    const fail = (what) => reject(new Error(`${command.join(" ")} ${what}:\n${printed.join("\n")}`));
    const hear = (line) => {
      printed.push(stripVTControlCharacters(line));
      const [found] = /http:\/\/(127\.0\.0\.1|localhost):\d+/.exec(printed.at(-1)) ?? [];
      if (found) resolve(`${found}/`);
    };
    for (const stream of [child.stdout, child.stderr]) createInterface(stream).on("line", hear);
    ended.then((code) => fail(`ended with ${code}`));
    setTimeout(() => fail(`said no address within ${PATIENCE} ms`), PATIENCE).unref();
  }).catch((error) => {
    stop();
    throw error;
  });
  function stop() {
    // It may have ended.
    if (child.exitCode === null) process.kill(-child.pid);
    return ended;
  }
  return { address, stop };
}
