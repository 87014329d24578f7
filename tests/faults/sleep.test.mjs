// The page stands still for a while: the machine sleeps, or the browser keeps the page for when its user comes back.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { Arena } from "../support/arena.mjs";
import { BROWSERS } from "../support/browser.mjs";
import { evenkeel, HEARTBEAT, peers } from "../support/contest.mjs";
import { assertWithin } from "../support/figures.mjs";
import { whilePaused } from "../support/processes.mjs";

/** For one test, in ms. */
const timeout = 120_000;

/** How long it stands still, in ms. */
const SLEEP = 20_000;

/** How long its user is elsewhere, in ms. */
const ELSEWHERE = 3_000;

/** How many messages may be on their way when the user leaves. */
const UNDER_WAY = 2;

const servers = [{ count: 3 }];
const contestants = [evenkeel({ heartbeat: HEARTBEAT }), evenkeel({}, { as: "evenkeel, no heartbeat" }), ...peers()];

const skip = process.platform !== "linux" && "processes are found as Linux has them";

for (const engine of BROWSERS) {
  describe(engine, () => {
    let arena;
    before(async () => {
      arena = await Arena.open(engine);
    });
    after(() => arena?.close());

    test("the server goes silent while the page sleeps: a heartbeat tells at once", { timeout, skip }, async () => {
      const contest = await arena.contest("20 s of sleep, the server silent since", contestants, { servers });
      await contest.steady();
      await contest.strike(({ fleet, server }) => fleet.tell(server, { frozen: true }));
      await whilePaused(arena.page.processId, () => pause(SLEEP));
      contest.struckAt(Date.now());
      const { evenkeel: figures } = await contest.figures();
      const noticed = HEARTBEAT.interval + HEARTBEAT.timeout + 2_000;
      assertWithin(figures, { notice: noticed, reopen: noticed + 5_000, attempts: 3 });
    });

    test("all is well when the page wakes: a heartbeat finds that out, and nothing is lost", {
      timeout,
      skip,
    }, async () => {
      const contest = await arena.contest("20 s of sleep, nothing else", contestants, { servers });
      await contest.steady();
      await contest.strike(() => undefined);
      await whilePaused(arena.page.processId, () => pause(SLEEP));
      contest.struckAt(Date.now());
      await contest.observe();
      const { evenkeel: checked, "evenkeel, no heartbeat": unchecked } = await contest.finish();
      assert.equal(checked.notice, null, "the connection was lost needlessly");
      for (const figures of [checked, unchecked]) assertWithin(figures, { gap: 3_000, told: 0 });
    });

    test("the user leaves the page and comes back to it as it was: it is connected again at once", {
      timeout,
    }, async (t) => {
      const { page } = arena;
      const contest = await arena.contest("back to the page, out of the cache", contestants, { servers });
      await contest.steady();
      await contest.strike(() => page.open(arena.address("elsewhere.html")));
      await pause(ELSEWHERE);
      await page.back();
      await page.until(() => window.ready, "the page");
      const [restored] = await page.run(() => window.restored);
      if (!restored) {
        t.skip("the browser did not keep the page");
        return;
      }
      contest.struckAt(restored);
      const { evenkeel: checked, "evenkeel, no heartbeat": unchecked } = await contest.figures();
      // The last echo that came was a sign of life also for what was sent after its message.
      const limits = { notice: 5_000, reopen: 7_000, attempts: 3, silent: UNDER_WAY };
      for (const figures of [checked, unchecked]) assertWithin(figures, limits);
    });
  });
}
