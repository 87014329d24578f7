// The network between browser and servers fails: truly, in a network namespace of the browser's own.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { Arena } from "../support/arena.mjs";
import { BROWSERS } from "../support/browser.mjs";
import { evenkeel, HEARTBEAT, peers } from "../support/contest.mjs";
import { assertWithin } from "../support/figures.mjs";
import { Namespace, whyNoNamespace } from "../support/namespace.mjs";

/** For one test, in ms. */
const timeout = 120_000;

/** How long the network is unplugged, and how long it swallows everything, in ms. */
const UNPLUGGED = 5_000;
const SWALLOWED = 20_000;

/** A heartbeat and its timeout; and more, for a busy machine. */
const NOTICED = HEARTBEAT.interval + HEARTBEAT.timeout + 2_000;

const servers = [{ count: 3 }];
const contestants = [evenkeel({ heartbeat: HEARTBEAT }), evenkeel({}, { as: "evenkeel, no heartbeat" }), ...peers()];

const skip = whyNoNamespace();

for (const engine of BROWSERS) {
  describe(engine, { skip }, () => {
    let namespace;
    let arena;
    before(async () => {
      namespace = await Namespace.make();
      arena = await Arena.open(engine, { namespace });
    });
    after(async () => {
      await arena?.close();
      await namespace?.remove();
    });

    test("the network is unplugged for 5 s: it is used again soon after", { timeout }, async () => {
      const contest = await arena.contest("the network is unplugged, 5 s", contestants, { servers });
      await contest.steady();
      await contest.strike(() => undefined);
      await namespace.whileUnplugged(() => pause(UNPLUGGED));
      await contest.observe();
      // Firefox does not say so here: its pages find out as if nobody knew.
      const told = await arena.page.run(() => window.network);
      assert.deepEqual(told, engine === "chromium" ? ["offline", "online"] : []);
      const { evenkeel: checked, "evenkeel, no heartbeat": unchecked } = await contest.finish();
      for (const figures of [checked, unchecked]) assertWithin(figures, { gap: UNPLUGGED + 7_000, attempts: 6 });
    });

    test("every packet vanishes for 20 s: a heartbeat tells, and it is back soon after", { timeout }, async () => {
      const contest = await arena.contest("every packet vanishes, 20 s", contestants, { servers });
      await contest.steady();
      await contest.strike(() => undefined);
      await namespace.whileSwallowing(() => pause(SWALLOWED));
      const { evenkeel: figures } = await contest.figures();
      assertWithin(figures, { notice: NOTICED, reopen: SWALLOWED + 10_000, attempts: 6 });
    });

    test("the machine gets another address: what was open is dead, and a heartbeat tells", { timeout }, async (t) => {
      const contest = await arena.contest("the machine gets another address", contestants, { servers });
      await contest.steady();
      t.after(() => namespace.moveBack());
      await contest.strike(() => undefined);
      await namespace.move();
      const { evenkeel: figures } = await contest.figures();
      assertWithin(figures, { notice: NOTICED, reopen: NOTICED + 7_000, attempts: 6 });
    });
  });
}
