// `npm start`: a seed, and a fleet that reports to it.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort, required } from "../support/environment.mjs";
import { root } from "../support/package.mjs";

/** Everything is built; it starts in a second. */
const START = 120_000;

/** What takes two seconds takes longer on a busy machine. */
const PATIENCE = 20_000;

const addresses = {};
let demo;
before(
  async () => {
    const arguments_ = ["start", "--port", String(await freePort())];
    demo = spawn(required("EVENKEEL_XTASK_PROGRAM"), arguments_, { cwd: root, stdio: ["ignore", "pipe", "inherit"] });
    for await (const line of createInterface(demo.stdout)) {
      const [, name, url] = line.match(/^The (.*): (http\S+)$/) ?? [];
      if (name) addresses[name] = url;
      if (line.startsWith("Ctrl-C")) return;
    }
    throw new Error("it ended before it served");
  },
  { timeout: START },
);
after(() => demo?.kill());

const list = async () => (await fetch(addresses["seed's list"])).json();

async function until(so) {
  const deadline = Date.now() + PATIENCE;
  for (;;) {
    const { servers } = await list();
    if (so(servers)) return;
    assert.ok(Date.now() < deadline, `it never came to be: ${JSON.stringify(servers)}`);
    await sleep(50);
  }
}

test("the page is served, and five servers in two groups have reported to the seed", async () => {
  const page = await fetch(addresses["demo page"]);
  assert.match(await page.text(), /<title>Evenkeel/);
  const { servers } = await list();
  assert.deepEqual(
    servers.map(({ id, priority, available }) => [id, priority, available]),
    ["s1", "s2", "s3", "s4", "s5"].map((id, index) => [id, index < 3 ? 0 : 1, true]),
  );
});

test("a server that dies is unavailable in the seed's list, and is back when it is", async () => {
  const server = new URL("fleets/default/servers/s1", addresses["demo page"]);
  const tell = (behaviour) => fetch(server, { method: "PATCH", body: JSON.stringify(behaviour) });
  await tell({ alive: false });
  await until(([first]) => first.available === false);
  await tell({ alive: true });
  await until(([first]) => first.available === true);
});
