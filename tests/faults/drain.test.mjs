// A deploy: the list says that a server is draining, and 45 s later it is stopped, with all who are still there.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { Arena } from "../support/arena.mjs";
import { BROWSERS } from "../support/browser.mjs";
import { evenkeel, peers } from "../support/contest.mjs";
import { assertWithin } from "../support/figures.mjs";

/** For the test, in ms. */
const timeout = 150_000;

/** How long clients have to leave, in ms: they leave within 30 s of when they hear of it, so as not to come all at once. */
const GRACE = 45_000;

for (const engine of BROWSERS) {
  describe(engine, () => {
    let arena;
    before(async () => {
      arena = await Arena.open(engine);
    });
    after(() => arena?.close());

    test("a server is drained, then stopped: its clients have left before, and missed nothing", {
      timeout,
    }, async () => {
      const polling = { refreshInterval: 2_000 };
      const contestants = [
        evenkeel(polling, { as: "evenkeel" }),
        evenkeel(polling, { as: "evenkeel, prepare", prepare: true }),
        ...peers(),
      ];
      const contest = await arena.contest("a server drains, and stops after 45 s", contestants, {
        servers: [{ count: 3, behaviour: { feed: 500 } }],
      });
      await contest.steady();
      await contest.strike(({ fleet, server }) => fleet.tell(server, { draining: true }));
      await pause(GRACE);
      await contest.each(async ({ fleet, server }) => {
        await fleet.close(server, 1001);
        await fleet.tell(server, { alive: false });
      });
      const { evenkeel: plain, "evenkeel, prepare": prepared } = await contest.figures();
      for (const figures of [plain, prepared]) {
        assertWithin(figures, { notice: GRACE, reopen: GRACE, gap: 2_000, told: 0 });
      }
      const ends = ({ report }) => report.events.filter(({ type }) => ["close", "migrate"].includes(type));
      assert.deepEqual(
        ends(plain).map(({ type, code, moved }) => ({ type, code, moved })),
        [{ type: "close", code: 1012, moved: true }],
      );
      assert.deepEqual(
        ends(prepared).map(({ type, reason }) => ({ type, reason })),
        [{ type: "migrate", reason: "drain" }],
      );
    });
  });
}
