// The packed package in several versions of Node, where it decides, and connects: by a WebSocket that it is given if need be.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";
import { after, before, describe, test } from "node:test";
import { QUICK, startFleets } from "../support/fleet.mjs";
import { run } from "../support/package.mjs";
import { recorded } from "./matrix.mjs";
import { layOutFolder, pathIn, prepare, versionOf } from "./project.mjs";

/** Versions of Node, by their packages, and whether they bring a WebSocket. */
const NODES = [
  { name: "node-20", brings: false },
  { name: "node-22", brings: true },
  { name: "node-24", brings: true },
];

let fleets;
let folder;
before(async () => {
  await prepare();
  folder = await layOutFolder("node");
  fleets = await startFleets();
});
after(() => fleets?.stop());

/** Has a program of the fixtures connect to a fleet of its own, and follows it through the loss of its server. */
async function comesBack(program, entry, by) {
  const fleet = await fleets.make({ ...QUICK, servers: [{ count: 3 }] });
  const child = spawn(program, ["connect.js", entry, by, fleet.list], {
    cwd: folder,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = once(child, "exit");
  try {
    const heard = createInterface(child.stdout)[Symbol.asyncIterator]();
    const next = async () => {
      const { value, done } = await heard.next();
      assert.ok(!done, "the program ended");
      return JSON.parse(value);
    };
    const { server, echo } = await next();
    assert.equal(echo, "hello");
    await fleet.tell(server, { alive: false });
    assert.notEqual((await next()).server, server);
  } finally {
    child.kill();
    await ended;
    await fleet.remove();
  }
}

for (const { name, brings } of NODES) {
  const program = pathIn(`${name}/bin/node`);

  describe(name, () => {
    const options = { timeout: 30_000 };
    /** A test whose outcome is a row of the matrix. */
    const row = (entry, where, action) =>
      test(`${entry}: ${where}`, options, async (context) => {
        // The registry has them for 64-bit Linux only under these names.
        if (!existsSync(program)) return context.skip("this version of Node is not to be had here");
        const version = await versionOf(name);
        await recorded({ tool: "Node", version, entry, where, policy: "–", engine: "V8" }, action);
      });

    row("both", "createSelector", async () => {
      assert.equal(await run(program, ["select.js"], folder), "only\nonly\n");
    });

    for (const entry of ["evenkeel", "evenkeel/slim"]) {
      row(entry, "the WebSocket of ws", () => comesBack(program, entry, "ws"));
    }

    if (brings) {
      row("evenkeel", "its own WebSocket", () => comesBack(program, "evenkeel", "itself"));
    } else {
      test("without a WebSocket it says so, and what to do", options, async (context) => {
        if (!existsSync(program)) return context.skip("this version of Node is not to be had here");
        await assert.rejects(
          run(program, ["connect.js", "evenkeel", "itself", "http://127.0.0.1/"], folder),
          /There is no WebSocket here[\s\S]*Give one in the option WebSocket/,
        );
      });
    }
  });
}
