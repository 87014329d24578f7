// Everything goes wrong, at random, for minutes: whatever happens, every message is accounted for, and whoever can come back
// does. A seed says what happens; it is printed, and given again it happens again.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Arena } from "../support/arena.mjs";
import { evenkeel, HEARTBEAT, peers } from "../support/contest.mjs";
import { Namespace, whyNoNamespace } from "../support/namespace.mjs";
import { commands } from "./faults/commands.mjs";
import { lines } from "./faults/lines.mjs";
import { lists } from "./faults/lists.mjs";
import { network } from "./faults/network.mjs";
import { pagesOf } from "./faults/pages.mjs";
import { servers } from "./faults/servers.mjs";
import { browsers, seed, share } from "./settings.mjs";
import { Trial } from "./trial.mjs";

/** What a trial takes beside the time of its faults, in ms. */
const AROUND = 300_000;

/** In one page. */
const PACE = 20;

const TABS = 20;
const PACE_IN_TABS = 200;

const options = { heartbeat: HEARTBEAT, refreshInterval: 2_000 };
/** Its queue holds everything, as the others' do. */
const plain = evenkeel({ ...options, queueMessages: 100_000 });
/** Its queue loses the oldest, and says so. */
const prepared = evenkeel({ ...options, overflow: "drop-oldest" }, { as: "evenkeel, prepare", prepare: true });

/** Two servers may be in trouble at once. */
const twoOfThem = [
  { name: "servers", kinds: servers },
  { name: "more servers", kinds: servers },
];
const listing = { name: "lists", kinds: lists };

console.log(`chaos: seed ${seed}`);

for (const engine of browsers) {
  describe(engine, () => {
    // One after the other: a driver does one thing at a time.
    const pages = { name: "pages", kinds: { ...pagesOf(engine), ...commands } };

    const trial = (name, { length, skip, namespaced = false, throttling, ...rules }) =>
      test(name, { skip, timeout: length + AROUND }, async () => {
        const namespace = namespaced ? await Namespace.make({ wayOut: engine === "webkit" }) : undefined;
        let arena;
        try {
          arena = await Arena.open(engine, { namespace, throttling });
          const trial = new Trial(arena, { name, seed, length, namespace, ...rules });
          const violations = await trial.run();
          assert.equal(violations.length, 0, violations.join("\n"));
        } finally {
          await arena?.close();
          await namespace?.remove();
        }
      });

    trial("bad servers, bad lines", {
      length: share(0.4),
      contestants: [plain, prepared, ...peers()],
      tabs: 1,
      pace: PACE,
      lanes: [...twoOfThem, listing, { name: "lines", kinds: lines }, pages],
    });

    trial("a bad network", {
      length: share(0.3),
      skip: whyNoNamespace(),
      namespaced: true,
      contestants: [plain, prepared, ...peers()],
      tabs: 1,
      pace: PACE,
      lanes: [{ name: "network", kinds: network }, ...twoOfThem, listing, { name: "applications", kinds: commands }],
    });

    trial(`${TABS} tabs`, {
      length: share(0.3),
      throttling: true,
      contestants: [plain, ...peers()],
      tabs: TABS,
      pace: PACE_IN_TABS,
      lanes: [pages, ...twoOfThem, listing, { name: "lines", kinds: lines }],
    });
  });
}
