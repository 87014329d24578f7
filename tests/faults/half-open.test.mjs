// The server has gone silent, and no event says so: only what should have come tells.

import { after, before, describe, test } from "node:test";
import { Arena } from "../support/arena.mjs";
import { BROWSERS } from "../support/browser.mjs";
import { evenkeel, HEARTBEAT, peers } from "../support/contest.mjs";
import { assertWithin } from "../support/figures.mjs";

/** For one test, in ms. */
const timeout = 90_000;

/** A heartbeat and its timeout, or half as long again as the list promises and a second: and more, for a busy machine. */
const NOTICED = HEARTBEAT.interval + HEARTBEAT.timeout + 2_000;
const SILENCE = 5_000;

/** From there to the next connection, in ms. */
const BACK = 5_000;

const servers = [{ count: 3 }];

for (const engine of BROWSERS) {
  describe(engine, () => {
    let arena;
    before(async () => {
      arena = await Arena.open(engine);
    });
    after(() => arena?.close());

    test("the server freezes under a heartbeat: another one takes over", { timeout }, async () => {
      const contestants = [evenkeel({ heartbeat: HEARTBEAT }), ...peers()];
      const contest = await arena.contest("the server freezes; heartbeat 2 s", contestants, { servers });
      await contest.steady();
      await contest.strike(({ fleet, server }) => fleet.tell(server, { frozen: true }));
      const { evenkeel: figures } = await contest.figures();
      assertWithin(figures, { notice: NOTICED, reopen: NOTICED + BACK, attempts: 3 });
    });

    test("the list promises a message a second, and the server freezes: another one takes over", {
      timeout,
    }, async () => {
      const fed = [{ count: 3, behaviour: { feed: 500 } }];
      const contestants = [evenkeel(), ...peers()];
      const contest = await arena.contest("the server freezes; the list promises a message a second", contestants, {
        servers: fed,
        list: { heartbeat: 1 },
      });
      await contest.steady();
      await contest.strike(({ fleet, server }) => fleet.tell(server, { frozen: true }));
      const { evenkeel: figures } = await contest.figures();
      assertWithin(figures, { notice: SILENCE, reopen: SILENCE + BACK, attempts: 3 });
    });
  });
}
