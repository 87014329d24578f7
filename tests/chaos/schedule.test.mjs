// A seed that is printed is worth something only if it brings the same again.

import assert from "node:assert/strict";
import { test } from "node:test";
import { commands } from "./faults/commands.mjs";
import { lines } from "./faults/lines.mjs";
import { lists } from "./faults/lists.mjs";
import { network } from "./faults/network.mjs";
import { pagesOf } from "./faults/pages.mjs";
import { servers } from "./faults/servers.mjs";
import { play } from "./play.mjs";
import { draw } from "./schedule.mjs";

const HOURS = 4 * 3_600_000;

const LANES = Object.entries({ servers, lists, lines, network, commands, pages: pagesOf("chromium") }).map(
  ([name, kinds]) => ({ name, kinds }),
);

const faultsOf = (seed, lanes = LANES) => draw(seed, lanes, HOURS).map(({ name, faults }) => ({ name, faults }));

test("the same seed draws the same faults, another one others", () => {
  assert.deepEqual(faultsOf("1"), faultsOf("1"));
  assert.notDeepEqual(faultsOf("1"), faultsOf("2"));
});

test("a lane without the others is as it is with them", () => {
  const [first, second] = LANES;
  assert.deepEqual(faultsOf("1", [second]), faultsOf("1", [first, second]).slice(1));
});

test("every kind is drawn, each fault as long as its kind says, and none of a lane before the last one ended", () => {
  for (const { kinds, faults } of draw("1", LANES, HOURS)) {
    assert.deepEqual(new Set(faults.map(({ kind }) => kind)), new Set(Object.keys(kinds)));
    let free = 0;
    for (const { kind, at, lasts } of faults) {
      const [least, most] = kinds[kind].lasts;
      assert.ok(lasts >= least && lasts <= most, `${kind}: ${lasts}`);
      assert.ok(at > free && at < HOURS, `${kind} at ${at}`);
      free = at + lasts;
    }
  }
});

test("lanes go on side by side, each fault ends before the next one of its lane, and the log has them all", async () => {
  const under = [];
  const happened = [];
  const kind = {
    lasts: [20, 40],
    strike: async (world, { lane }, rest) => {
      assert.equal(world, "the world");
      assert.ok(!under.includes(lane), "two faults in one lane");
      under.push(lane);
      happened.push(under.length);
      await rest();
      under.splice(under.indexOf(lane), 1);
    },
  };
  const lanes = ["a", "b"].map((name) => ({ name, kinds: { kind }, pause: [5, 30] }));
  const log = [];
  await play(draw("1", lanes, 500), "the world", 500, log);
  assert.equal(log.length, happened.length);
  assert.ok(happened.includes(2), "never two lanes at once");
  for (const { at, ended, lasts } of log) assert.ok(ended - at >= lasts - 1);
});

test("what fails in one lane ends all", async () => {
  const failing = { lasts: [0, 0], strike: () => Promise.reject(new Error("broken")) };
  const lane = { name: "a", kinds: { failing }, pause: [1, 1] };
  await assert.rejects(play(draw("1", [lane], 100), {}, 100, []), /broken/);
});
