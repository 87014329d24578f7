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

test("every block is planned for, and every plan has its block", () => {
  const planned = Object.entries(plan).flatMap(([path, headings]) =>
    Object.entries(headings).flatMap(([heading, runs]) => runs.map((_, number) => `${path}: ${heading} ${number}`)),
  );
  const there = [...found].flatMap(([path, of]) => of.map(({ heading, number }) => `${path}: ${heading} ${number}`));
  assert.deepEqual(there.sort(), planned.sort());
});

let count = 0;
for (const [path, of] of found) {
  describe(path, () => {
    for (const block of of) {
      const { heading, number, language, line } = block;
      const name = `example-${++count}`;
      // One that is not planned for has failed above.
      const runs = plan[path]?.[heading]?.[number] ?? (() => {});
      test(`${heading}: ${language}, line ${line}`, () => runs(block, { ...stage, name }));
    }
  });
}
