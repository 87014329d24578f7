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

const second = { priority: 1 };

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

test("a list that is ten minutes old evens out less: level 1.4776", async () => {
  // psi = 2, A = 2 · 2,388 = 4,776, L = (4,776 + 2,612) / 5,000.
  assertProbabilities(await probabilities({ age: 600, servers: three }), { a: 0.44874, b: 0.3675, c: 0.18375 });
});

test("a group that is nearly full passes on what it has no room for", async () => {
  // Group 0: room 0.85 · 100 − 84 = 1, for max(1, 0.2 · 16, 0.02 · 84) = 3.2. Group 1: A = (0.75 − 0.3) · 150
  // = 67.5, L = 0.5875.
  const servers = [server("d", "84/100"), server("e", "0/100", second), server("f", "50/100", second)];
  assertProbabilities(await probabilities({ age: 0, servers }), { d: 0.3125, e: 0.59838, f: 0.08912 });
});

test("a full group gets nobody", async () => {
  const servers = [server("d", "100/100"), server("e", "90/100"), server("f", "50/100", second)];
  assertProbabilities(await probabilities({ age: 0, servers }), { d: 0, e: 0, f: 1 });
});

test("the users of a lost server are expected at the others", async () => {
  // D = 1,200, A = (1,588 / 3,000 − 0.3) · 1,588 + D = 1,564.18, L = (1,564.18 + 1,412) / 3,000 = 0.99206.
  const list = { age: 0, servers: three };
  const lost = ["b"];
  assertProbabilities(await probabilities(list, { lost, failures: 0 }), { a: 0.74935, b: 0, c: 0.25065 });
  // A connect that failed makes half of the others' users displaced, too: A = 364.18 + 1,200 + 706, L = 1.22739.
  assertProbabilities(await probabilities(list, { lost, failures: 1 }), { a: 0.72364, b: 0, c: 0.27636 });
});

test("the users of an unavailable group are expected in the next", async () => {
  // D = 300, A = (0.75 − 0.3) · 1,500 + D = 975, L = 0.7375.
  const down = server("d", "300/1000", { available: false });
  const servers = [down, server("e", "0/1000", second), server("f", "500/1000", second)];
  assertProbabilities(await probabilities({ age: 0, servers }), { d: 0, e: 0.75641, f: 0.24359 });
});

test("no server gets more than four times its fair share", async () => {
  // A = 110, L = 0.56: 56/110 for the empty one, which is cut to 0.4; the others share the rest.
  const nine = Array.from({ length: 9 }, (_, index) => server(`n${index}`, "50/100"));
  const expected = Object.fromEntries(nine.map(({ id }) => [id, 0.6 / 9]));
  assertProbabilities(await probabilities({ age: 0, servers: [server("e", "0/100"), ...nine] }), {
    e: 0.4,
    ...expected,
  });
});

test("with nothing eligible all probabilities are 0, each says why, and nothing is chosen", async () => {
  const selector = await evenkeel.createSelector();
  const servers = [
    server("d", "1/100", { available: false }),
    server("e", "1/100", { draining: true }),
    server("f", "1/100"),
  ];
  selector.update({ age: 0, servers }, { now: NOW });
  const circumstances = { now: NOW, lost: ["f"] };
  assert.equal(selector.select(circumstances), null);
  const probabilities = selector.probabilities(circumstances);
  assert.deepEqual(
    probabilities.map(({ probability }) => probability),
    [0, 0, 0],
  );
  assert.equal(new Set(probabilities.map(({ excluded }) => excluded)).size, 3, JSON.stringify(probabilities));
});

test("an unusable list is an error with a code and a remedy, and the last list stays", async () => {
  const selector = await evenkeel.createSelector();
  selector.update({ age: 0, servers: three }, { now: NOW });
  for (const [list, code] of [
    [{ servers: [] }, "list-empty"],
    [{ servers: [{ url: "https://not a url" }] }, "list-empty"],
    ["three", "list-invalid"],
  ]) {
    assert.throws(
      () => selector.update(list, { now: NOW }),
      (error) => error instanceof evenkeel.EvenkeelError && error.code === code && error.remedy.length > 0,
    );
  }
  assert.equal(selector.probabilities({ now: NOW }).length, 3);
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
