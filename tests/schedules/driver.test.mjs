// The package in real browsers, its platform in our hands, under the schedules of faults that the core has natively been
// through: it must do what the core did, step by step, and so nothing of its own.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { BROWSERS, launch } from "../support/browser.mjs";
import { required } from "../support/environment.mjs";
import { startFleets } from "../support/fleet.mjs";
import { root } from "../support/package.mjs";
import { ENOUGH, Kinds } from "./kinds.mjs";

const { EVENKEEL_SCHEDULES, EVENKEEL_SEED } = process.env;
const SCHEDULES = Number(EVENKEEL_SCHEDULES ?? 2_000);
const FIRST_SEED = Number(EVENKEEL_SEED ?? 1);
const ARE_USUAL = !EVENKEEL_SCHEDULES && !EVENKEEL_SEED;

/** So many are recorded and played at a time. */
const PART = 100;

const run = promisify(execFile);

let folder;
let fleets;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "evenkeel-records-"));
  const site = fileURLToPath(new URL("site", import.meta.url));
  fleets = await startFleets({ "/dist": join(root, "dist"), "/site": site, "/records": folder });
});
after(async () => {
  await fleets?.stop();
  await rm(folder, { recursive: true });
});

/** Records the clients of some schedules, and counts what they went through. */
async function record(seed, schedules) {
  const options = { "--seed": seed, "--schedules": schedules, "--record": join(folder, "records.jsonl") };
  const { stdout } = await run(required("EVENKEEL_SCHEDULES_PROGRAM"), Object.entries(options).flat().map(String));
  return JSON.parse(stdout);
}

/** A difference, as a person wants to see it. */
function described({ schedule, client, step, told, expected, actual }) {
  const where = `schedule ${schedule}, client ${client}, step ${step}: ${JSON.stringify(told)}`;
  return `${where}\n--- natively\n${expected}\n--- in the page\n${actual}`;
}

for (const browser of BROWSERS) {
  describe(browser, () => {
    let page;
    before(async () => {
      page = await launch(browser);
      await page.open(`${fleets.origin}/site/index.html`);
    });
    after(() => page?.quit());

    test("under faults the driver does what the core does natively, step by step, and keeps every message", async (t) => {
      const kinds = new Kinds();
      let [clients, steps] = [0, 0];
      for (let done = 0; done < SCHEDULES; done += PART) {
        kinds.add(await record(FIRST_SEED + done, Math.min(PART, SCHEDULES - done)));
        const played = await page.run(async () => (await import("/site/replay.js")).replay("/records/records.jsonl"));
        assert(!played.difference, played.difference && described(played.difference));
        kinds.add(played.seen);
        clients += played.clients;
        steps += played.steps;
      }
      t.diagnostic(`${SCHEDULES} schedules from seed ${FIRST_SEED} on, ${clients} clients, ${steps} steps`);
      assert.deepEqual(await page.problems(), []);
      if (ARE_USUAL || SCHEDULES >= ENOUGH) assert.deepEqual(kinds.unseen, [], "never seen, and so not tested");
    });
  });
}
