// Examples that run in Node, as their readers would run them: a file beside the packages that it imports.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { root, run } from "../support/package.mjs";
import { localised } from "./stage.mjs";

/** How long something is waited for, and the time between two looks, in ms. */
const PATIENCE = 20_000;
const POLLING = 50;

/** Waits until a condition gives something, and gives that; `what` it is, in words. */
export async function until(condition, what, patience = PATIENCE) {
  for (const deadline = Date.now() + patience; ; await pause(POLLING)) {
    const value = await condition();
    if (value) return value;
    assert.ok(Date.now() < deadline, `not within ${patience} ms: ${what}`);
  }
}

/** A folder in which `evenkeel` and `ws` are installed. `{ write(name, code), remove() }` */
export async function makeFolder() {
  const folder = await mkdtemp(join(tmpdir(), "evenkeel-documentation-"));
  await mkdir(join(folder, "node_modules"));
  await symlink(root, join(folder, "node_modules/evenkeel"));
  await symlink(join(root, "node_modules/ws"), join(folder, "node_modules/ws"));
  return {
    folder,
    async write(name, code) {
      await writeFile(join(folder, name), code);
      return join(folder, name);
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

/** A program that goes on until it is stopped. `{ signal(name), ended }` */
export function start(file, environment) {
  const child = spawn(process.execPath, [file], {
    env: { ...process.env, ...environment },
    stdio: ["ignore", "ignore", "inherit"],
  });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  return {
    ended,
    signal(name) {
      child.kill(name);
      return ended;
    },
  };
}

/** A program that must end by itself, and print this. */
export const inNode =
  (printed) =>
  async ({ code }, { fleets }) => {
    const fleet = await fleets.make({ servers: [{ count: 2 }] });
    const folder = await makeFolder();
    try {
      const here = localised(code, { origin: fleets.origin, list: fleet.list, servers: [] });
      assert.equal(await run(process.execPath, [await folder.write("example.mjs", here)]), printed);
    } finally {
      await folder.remove();
      await fleet.remove();
    }
  };
