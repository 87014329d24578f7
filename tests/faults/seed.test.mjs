// The list cannot be had when the page is opened, and can be 3 s later. The others' url functions ask for the same list.

import { createServer } from "node:http";
import { after, before, describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { Arena } from "../support/arena.mjs";
import { BROWSERS } from "../support/browser.mjs";
import { evenkeel, peers } from "../support/contest.mjs";
import { assertWithin } from "../support/figures.mjs";

/** For one test, in ms. */
const timeout = 90_000;

/** How long there is no list, in ms. */
const OUTAGE = 3_000;

const BOUNDS = { notice: OUTAGE, reopen: OUTAGE + 10_000, attempts: 2 };

/** Nothing closes: the application is told of failures before there is a connection. */
const rules = { servers: [{ count: 3 }], noticedBy: ["retry", "error"] };

for (const engine of BROWSERS) {
  describe(engine, () => {
    let arena;
    before(async () => {
      arena = await Arena.open(engine);
    });
    after(() => arena?.close());

    test("a hotel's web page comes in place of the list at first: it connects soon after the list is there", {
      timeout,
    }, async () => {
      const contestants = [evenkeel(), ...peers("list")];
      const contest = await arena.contest("a web page in place of the list, 3 s", contestants, {
        ...rules,
        list: { mode: "html" },
      });
      await contest.begin();
      await pause(OUTAGE);
      await contest.each(({ fleet }) => fleet.tellList({ mode: "ok" }));
      const { evenkeel: figures } = await contest.figures();
      assertWithin(figures, BOUNDS);
    });

    test("nothing listens where the list is to be had at first: it connects soon after", { timeout }, async (t) => {
      const seeds = new Map();
      const source = async (fleet) => {
        const seed = await DeadSeed.reserve(fleet.list);
        seeds.set(fleet, seed);
        t.after(() => seed.stop());
        return seed.url;
      };
      const contest = await arena.contest("the seed is dead, 3 s", [evenkeel(), ...peers("list")], {
        ...rules,
        source,
      });
      await contest.begin();
      await pause(OUTAGE);
      await contest.each(({ fleet }) => seeds.get(fleet).live());
      const { evenkeel: figures } = await contest.figures();
      assertWithin(figures, BOUNDS);
    });
  });
}

/** A seed with an address, where at first nothing listens. It passes a fleet's list on. */
class DeadSeed {
  #server;
  #port;

  static async reserve(list) {
    const seed = new DeadSeed();
    seed.#server = createServer(async (_, response) => {
      const answer = await fetch(list);
      response.writeHead(answer.status, { "access-control-allow-origin": "*", "content-type": "application/json" });
      response.end(await answer.text());
    });
    await seed.#listen(0);
    seed.#port = seed.#server.address().port;
    await seed.stop();
    return seed;
  }

  get url() {
    return `http://127.0.0.1:${this.#port}/servers`;
  }

  live() {
    return this.#listen(this.#port);
  }

  stop() {
    this.#server.closeAllConnections();
    return new Promise((resolve) => this.#server.close(resolve));
  }

  #listen(port) {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject).listen(port, "127.0.0.1", resolve);
    });
  }
}
