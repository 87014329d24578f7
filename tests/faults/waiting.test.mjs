// What takes minutes: in browsers of their own, side by side.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { Arena } from "../support/arena.mjs";
import { BROWSERS } from "../support/browser.mjs";
import { evenkeel, HEARTBEAT, peers } from "../support/contest.mjs";
import { assertWithin } from "../support/figures.mjs";

/** For one test, in ms. */
const timeout = 420_000;

/** How long the page is hidden, in ms. */
const HIDDEN = 150_000;

/**
 * How long half of the clients may take to come home, in ms. None may within 120 s of connecting; from then on each draws
 * once a minute, with a probability of a half, and goes within 10 s.
 */
const HOMEWARD = 300_000;
const CLIENTS = 8;

for (const engine of BROWSERS) {
  describe(engine, { concurrency: 2 }, () => {
    test("a hidden page, whose timers are throttled, raises no false alarm", { timeout }, async (t) => {
      const arena = await Arena.open(engine, { throttling: "soon" });
      t.after(() => arena.close());
      const contestants = [evenkeel({ heartbeat: HEARTBEAT }), evenkeel({}, { as: "evenkeel, silence" }), ...peers()];
      const contest = await arena.contest("the page is hidden, 150 s", contestants, {
        servers: [{ count: 3, behaviour: { feed: 500 } }],
        list: { heartbeat: 1 },
      });
      await contest.steady();
      await contest.strike(() => undefined);
      await arena.page.whileHidden(() => pause(HIDDEN));
      const { evenkeel: beating, "evenkeel, silence": listening } = await contest.finish();
      for (const figures of [beating, listening]) {
        assert.equal(figures.notice, null, `a false alarm after ${figures.notice} ms`);
        assertWithin(figures, { attempts: 0, told: 0 });
        // A test of the test: the application's own timer was throttled as well.
        const { sent } = figures.report;
        assert.ok(sent.length < HIDDEN / 100, `${sent.length} messages were sent`);
      }
    });

    test("the preferred group is back: its clients come home, and miss nothing", { timeout }, async (t) => {
      const arena = await Arena.open(engine);
      t.after(() => arena.close());
      const { page } = arena;
      const names = Array.from({ length: CLIENTS }, (_, index) => `evenkeel ${index + 1}`);
      const team = `evenkeel, the median of ${CLIENTS}`;
      const contestants = [...names.map((as) => evenkeel({ refreshInterval: 2_000 }, { as, team })), ...peers("turns")];
      const contest = await arena.contest("the preferred group is back", contestants, {
        servers: [{ id: "home" }, { id: "away", count: 2, priority: 1 }],
      });
      await contest.steady();
      const death = Date.now();
      await contest.each(({ fleet }) => fleet.tell("home", { alive: false }));
      const away = (death) => Object.values(window.look()).every(({ open, opened }) => open && opened > death);
      await page.until(away, "every application works elsewhere", death);
      await contest.strike(({ fleet }) => fleet.tell("home", { alive: true }));
      const home = (names, since) =>
        names.filter((name) => window.look()[name].opened > since).length * 2 >= names.length;
      await page.hopeFor(home, HOMEWARD, names, Date.now());
      const results = await contest.finish();
      const moved = names.map((name) => results[name]).filter(({ notice }) => notice !== null);
      assert.ok(moved.length * 2 >= CLIENTS, `${moved.length} of ${CLIENTS} came home`);
      for (const figures of moved) assertWithin(figures, { gap: 2_000, told: 0 });
    });
  });
}
