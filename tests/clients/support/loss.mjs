// The story that every library goes through: it follows a stream, and twice the server it is on is killed.

import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { Table } from "../../support/table.mjs";
import { version } from "./bundle.mjs";
import { Fleet } from "./fleet.mjs";
import { openStage } from "./stage.mjs";

const table = new Table(
  "clients",
  {
    library: "library",
    version: "version",
    engine: "engine",
    run: "what was run",
    killed: "what was killed",
    back: "back after, ms",
    lost: "lost",
  },
  ["library", "engine"],
);

/** The longest that anything is waited for, in ms. */
const PATIENCE = 30_000;

/** So many of the stream's numbers are a stream. */
const ENOUGH = 30;

/** How long it stays at the next server, with an eye on the others, in ms. */
const STAYING = 1_500;

/** After closing, the longest until servers know, and how long nobody may come back, in ms. */
const CLOSING = 2_000;
const GONE = 1_000;

/** What is not the matter here: that no connection lasts half a minute. */
const OPTIONS = { minUptime: 1_000 };

export async function until(holds, what, patience = PATIENCE) {
  for (const deadline = Date.now() + patience; ; await pause(50)) {
    if (await holds()) return;
    if (Date.now() > deadline) throw new Error(`not within ${patience} ms: ${what}`);
  }
}

/**
 * One library in one engine. `start` gives a server; `fed`: servers are told the stream, which the library's own clients make
 * otherwise. `partner`: a play for a second client, in Node, that meets this one on every server. `meanwhile` is done before and after each death; `lost` judges what was missing in the end, and says it in words.
 */
export async function loseServers({
  library,
  engine,
  play = library,
  start,
  fed = false,
  run,
  partner,
  meanwhile = () => {},
  lost,
}) {
  const fleet = await Fleet.start(start);
  const stages = [];
  try {
    if (fed) fleet.feed();
    const enter = async (where, what) => {
      const entered = await openStage(where, what, fleet);
      stages.push(entered);
      await entered.call("open", fleet.seed, OPTIONS);
      return entered;
    };
    const stage = await enter(engine, play);
    const other = partner && (await enter("node", partner));
    const streams = async (from) => {
      const beyond = (await stage.call("shown")).highest + ENOUGH;
      await until(async () => (await stage.call("shown")).highest > beyond, `the stream goes on ${from}`);
    };
    const place = async () => {
      const where = await fleet.where();
      assert.deepEqual(Object.values(where), [stages.length], `all at one server, not ${JSON.stringify(where)}`);
      return Object.keys(where)[0];
    };
    await streams("at first");
    const killed = [];
    const back = [];
    for (let death = 0; death < 2; death += 1) {
      await meanwhile(stage);
      const server = await place();
      assert.ok(!killed.includes(server));
      await stage.call("mark");
      await fleet.kill(server);
      killed.push(server);
      await streams(`after the death of ${server}`);
      back.push(Math.round((await stage.call("shown")).silence));
      await pause(STAYING);
    }
    await meanwhile(stage);
    await place();
    const shown = await stage.call("shown");
    const words = await lost(shown, stage, other);
    assert.equal(fleet.tried, 0, "a killed server was tried again");
    for (const each of stages) await each.call("ask", "close");
    await until(async () => !Object.keys(await fleet.where()).length, "no connection is left", CLOSING);
    await pause(GONE);
    assert.deepEqual(await fleet.where(), {}, "someone came back after closing");
    assert.equal(fleet.tried, 0, "a killed server was tried again after closing");
    const row = { library, version: await version(library), engine, run };
    await table.record([
      {
        ...row,
        killed: `${killed.length} of 3 servers, one after the other`,
        back: back.join(", "),
        lost: words,
      },
    ]);
  } finally {
    for (const each of stages) await each.leave();
    await fleet.stop();
  }
}
