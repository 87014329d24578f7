// What servers do to their clients: they die, freeze, refuse, and drop whom they have taken.

import { after, before, describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { Arena } from "../support/arena.mjs";
import { BROWSERS } from "../support/browser.mjs";
import { evenkeel, peers } from "../support/contest.mjs";
import { assertWithin } from "../support/figures.mjs";

/** For one test, in ms. */
const timeout = 90_000;

const THREE = [{ count: 3, baseUsers: 20 }];

/** How long messages take to far servers, in ms, and the time between two of them. */
const FAR = 50;
const PACE = 10;

/** A server that looks emptiest, and the others nearly full, so that whoever looks goes there. */
const TRAP = "trap";
const withTrap = (behaviour) => [
  { id: TRAP, behaviour },
  { id: "good", count: 2, baseUsers: 80 },
];

for (const engine of BROWSERS) {
  describe(engine, () => {
    let arena;
    before(async () => {
      arena = await Arena.open(engine);
    });
    after(() => arena?.close());

    test("the chosen server is killed: another one takes over within seconds", { timeout }, async () => {
      const contestants = [evenkeel(), ...peers(), ...peers("turns")];
      const contest = await arena.contest("one of three servers is killed", contestants, { servers: THREE });
      await contest.steady();
      await contest.strike(({ fleet, server }) => fleet.tell(server, { alive: false }));
      const { evenkeel: figures } = await contest.figures();
      assertWithin(figures, { notice: 2_000, reopen: 5_000, attempts: 3 });
    });

    test("the chosen server is killed, and the servers are far: another one takes over within seconds", {
      timeout,
    }, async () => {
      const far = [{ count: 3, baseUsers: 20, behaviour: { latency: FAR } }];
      const contestants = [evenkeel(), ...peers()];
      const contest = await arena.contest("one of three servers is killed, 100 ms away", contestants, { servers: far });
      await contest.steady();
      await contest.strike(({ fleet, server }) => fleet.tell(server, { alive: false }));
      const { evenkeel: figures } = await contest.figures();
      // Echoes came while these were on their way: signs of life, if not of theirs.
      const underWay = (2 * FAR) / PACE;
      assertWithin(figures, { notice: 2_000, reopen: 5_000, attempts: 3, silent: 2 * underWay });
    });

    test("the only server is killed and restarted after 3 s: it is found again soon", { timeout }, async () => {
      const contestants = [evenkeel(), ...peers()];
      const contest = await arena.contest("the only server restarts, 3 s", contestants, { servers: [{}] });
      await contest.steady();
      await contest.strike(({ fleet, server }) => fleet.tell(server, { alive: false }));
      await pause(3_000);
      await contest.each(({ fleet, server }) => fleet.tell(server, { alive: true }));
      const { evenkeel: figures } = await contest.figures();
      assertWithin(figures, { notice: 2_000, reopen: 10_000, attempts: 12 });
    });

    for (const [fault, behaviour] of [
      ["a server accepts and drops", { handshake: "drop" }],
      ["a server refuses", { handshake: "refuse" }],
    ]) {
      test(`${fault}, and is listed as the emptiest: it is tried once, then left alone`, { timeout }, async () => {
        const contestants = [evenkeel(), ...peers("first")];
        const contest = await arena.contest(`the emptiest of three: ${fault}`, contestants, {
          servers: withTrap(behaviour),
        });
        await contest.begin(TRAP);
        const { evenkeel: figures } = await contest.figures();
        assertWithin(figures, { notice: 2_000, reopen: 10_000, attempts: 3 });
      });
    }
  });
}
