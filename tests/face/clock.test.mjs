import assert from "node:assert/strict";
import { test } from "node:test";
import { Clock } from "../../dist/clock.js";

/** A clock between two that are moved by hand: `passes(a, b)` moves the monotonic one by a and the wall clock by b. */
function rig(t) {
  let [monotonic, wall] = [1_000, 1e12];
  t.mock.method(performance, "now", () => monotonic);
  t.mock.method(Date, "now", () => wall);
  const clock = new Clock();
  return {
    clock,
    passes(ran, looked = ran) {
      monotonic += ran;
      wall += looked;
      return clock.now();
    },
  };
}

const HOUR = 3_600_000;

test("it goes as the monotonic clock goes, on its scale", (t) => {
  const { clock, passes } = rig(t);
  assert.equal(clock.now(), 1_000);
  assert.equal(passes(250.5), 1_250.5);
  assert.equal(passes(0), 1_250.5);
});

test("a sleep, during which only the wall clock went on, has taken its time", (t) => {
  const { passes } = rig(t);
  assert.equal(passes(10, HOUR), 1_000 + HOUR);
  assert.equal(passes(10), 1_010 + HOUR, "and is counted once");
  assert.equal(passes(0, HOUR), 1_010 + 2 * HOUR, "as is the next");
});

test("a stamp of the platform's is put on the same scale", (t) => {
  const { clock, passes } = rig(t);
  assert.equal(clock.at(900), 900);
  passes(10, HOUR + 10);
  assert.equal(clock.at(1_005), 1_005 + HOUR);
});

test("a wall clock that is set back changes nothing, and hides no sleep after it", (t) => {
  const { passes } = rig(t);
  assert.equal(passes(10, -HOUR), 1_010);
  assert.equal(passes(10), 1_020);
  assert.equal(passes(0, HOUR), 1_020 + HOUR);
});

test("a wall clock that is set ahead is taken for a sleep, and setting it back takes nothing away", (t) => {
  const { passes } = rig(t);
  assert.equal(passes(10, 10 + HOUR), 1_010 + HOUR);
  assert.equal(passes(10, 10 - HOUR), 1_020 + HOUR);
});

test("what two clocks differ by anyway is no sleep", (t) => {
  const { passes } = rig(t);
  assert.equal(passes(10, 1_000), 1_010);
  assert.equal(passes(10, -990), 1_020);
  assert.equal(passes(10, 1_010), 1_030);
});

test("it never goes back, whatever the wall clock does", (t) => {
  const { passes } = rig(t);
  const seed = Date.now() % 2 ** 31;
  let state = seed;
  const random = () => {
    state = (state * 48_271 + 11) % 2_147_483_647;
    return state / 2_147_483_647;
  };
  let last = 0;
  for (let step = 0; step < 10_000; step += 1) {
    const now = passes(random() * 100, (random() - 0.5) * 10 ** (random() * 8));
    assert.ok(now >= last, `step ${step}`);
    last = now;
  }
});
