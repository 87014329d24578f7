// The decision alone, by the installed package in Node.

import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { install } from "../support/package.mjs";

/** When every list here is made and asked about. */
const NOW = Date.UTC(2026, 10, 23);

/** Probabilities are worked out by hand to this many digits. */
const TOLERANCE = 5e-5;

let installed;
let evenkeel;
before(async () => {
  installed = await install();
  evenkeel = await import(pathToFileURL(join(installed.folder, "node_modules/evenkeel/dist/index.js")));
});
after(() => installed.remove());

/** A server `name` of a list, from "users/capacity" and what else is to be said of it. */
const server = (id, load, more = {}) => {
  const [users, capacity] = load.split("/").map(Number);
  return { id, url: `wss://${id}.example/ws`, users, capacity, ...more };
};

/** The servers of SELECTION's check: one group, 2,600 users on 5,000. */
const three = [server("a", "812/2000"), server("b", "1200/2000"), server("c", "600/1000")];

async function probabilities(list, circumstances = {}) {
  const selector = await evenkeel.createSelector({ randomSeed: 1 });
  selector.update(list, { now: NOW });
  return selector.probabilities({ now: NOW, ...circumstances });
}

function assertProbabilities(actual, expected) {
  assert.deepEqual(
    actual.map(({ id }) => id),
    Object.keys(expected),
  );
  for (const { id, probability } of actual) {
    const off = Math.abs(probability - expected[id]);
    assert.ok(off < TOLERANCE, `${id}: ${probability}, by hand ${expected[id]}`);
  }
  const sum = actual.reduce((total, { probability }) => total + probability, 0);
  assert.ok(Math.abs(sum - 1) < 1e-12, `they add up to ${sum}`);
}

test("a fresh list of three servers is water-filled: level 0.6179", async () => {
  assertProbabilities(await probabilities({ age: 0, servers: three }), { a: 0.8874, b: 0.075, c: 0.0375 });
});

test("drawn often, the servers come as often as their probabilities say", async () => {
  const selector = await evenkeel.createSelector({ randomSeed: 7 });
  selector.update({ age: 0, servers: three }, { now: NOW });
  const draws = 4_000;
  const chosen = { a: 0, b: 0, c: 0 };
  for (let draw = 0; draw < draws; draw++) chosen[selector.select({ now: NOW }).server.id]++;
  for (const { id, probability } of selector.probabilities({ now: NOW })) {
    const spread = 4 * Math.sqrt(draws * probability * (1 - probability));
    assert.ok(Math.abs(chosen[id] - draws * probability) < spread, `${id} was drawn ${chosen[id]} times (seed 7)`);
  }
});
