// Every block of the documentation, run as plan.mjs says.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { BROWSERS, launch } from "../support/browser.mjs";
import { startFleets } from "../support/fleet.mjs";
import { blocks, pages } from "./blocks.mjs";
import { plan } from "./plan.mjs";
import { mounts, set } from "./stage.mjs";

const found = new Map();
for (const path of await pages()) found.set(path, await blocks(path));

const stage = {};
before(async () => {
  await set();
  stage.fleets = await startFleets(mounts);
  // One of them: the examples are of the interface, which other suites hold every engine to.
  stage.page = await launch(BROWSERS[0]);
});
after(async () => {
  await stage.page?.quit();
  await stage.fleets?.stop();
});

/** Numbered below their headings: `"How it chooses 1"`. */
function numbered(names) {
  const seen = new Map();
  return names.map((name) => {
    seen.set(name, (seen.get(name) ?? 0) + 1);
    return `${name} ${seen.get(name)}`;
  });
}

test("every block is planned for, and every plan has its block", () => {
  const planned = Object.entries(plan).flatMap(([path, headings]) =>
    Object.entries(headings).flatMap(([heading, runs]) => numbered(runs.map(() => `${path}: ${heading}`))),
  );
  const there = [...found].flatMap(([path, of]) => numbered(of.map(({ heading }) => `${path}: ${heading}`)));
  assert.deepEqual(there.sort(), planned.sort());
});

let count = 0;
for (const [path, of] of found) {
  describe(path, () => {
    const left = structuredClone(Object.fromEntries(Object.keys(plan[path] ?? {}).map((heading) => [heading, 0])));
    for (const block of of) {
      const runs = plan[path]?.[block.heading]?.[left[block.heading]++];
      if (!runs) continue;
      count += 1;
      const name = `example-${count}`;
      test(`${block.heading}: ${block.language}, line ${block.line}`, () => runs(block, { ...stage, name }));
    }
  });
}
