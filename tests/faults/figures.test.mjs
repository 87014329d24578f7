// The figures themselves: counted wrongly, they would flatter one or the other.

import assert from "node:assert/strict";
import { test } from "node:test";
import { assertWithin, figures, MESSAGE_BYTES, median } from "../support/figures.mjs";

const FAULT = 1_000;
const END = 21_000;

/** An application that sent a message every second, from 0 on; `echoed` by number, null for never. */
const record = (echoed, events = [], more = {}) => ({
  events,
  sent: echoed.map((_, number) => number * 1_000),
  echoed,
  times: echoed.map((at) => (at === null ? 0 : 1)),
  rejected: [],
  attempts: [],
  ...more,
});

const of = (...parts) => figures(record(...parts), { fault: FAULT, end: END });

test("the first close after the fault is when it was noticed, and a connection counts once an echo came", () => {
  const events = [
    { type: "open", at: 10 },
    { type: "close", at: 1_500 },
    { type: "open", at: 2_000 },
    { type: "close", at: 2_010 },
    { type: "open", at: 4_000 },
  ];
  const { notice, reopen } = of([20, null, 4_020], events);
  assert.deepEqual({ notice, reopen }, { notice: 500, reopen: 3_000 });
});

test("a move is noticed when it happens, and its connection works from then on", () => {
  const { notice, reopen, gap } = of([20, 1_010, 2_010], [{ type: "migrate", at: 1_800 }]);
  assert.deepEqual({ notice, reopen }, { notice: 800, reopen: 800 });
  assert.equal(gap, END - 2_010);
});

test("what never came back is lost in silence, unless an event told of it", () => {
  const echoed = [20, null, null, null, 4_020];
  assert.deepEqual(pick(of(echoed)), { silent: 3, told: 0 });
  assert.deepEqual(pick(of(echoed, [{ type: "drop", at: 3_500, messages: [2, 3] }])), { silent: 1, told: 2 });
  assert.deepEqual(pick(of(echoed, [], { rejected: [1] })), { silent: 2, told: 1 });
});

test("a close tells of as many messages before it as its bytes make, the last ones", () => {
  const close = (at, messages) => ({ type: "close", at, handedOver: messages * MESSAGE_BYTES });
  const echoed = [20, null, null, null, 4_020];
  assert.deepEqual(pick(of(echoed, [close(3_500, 1)])), { silent: 2, told: 1 });
  assert.deepEqual(pick(of(echoed, [close(1_500, 5)])), { silent: 2, told: 1 });
  assert.deepEqual(pick(of(echoed, [close(2_500, 1), close(3_500, 1)])), { silent: 1, told: 2 });
});

test("attempts are counted for ten seconds, repetitions by message", () => {
  const more = { attempts: [900, 1_000, 10_999, 11_000], times: [2, 3, 1] };
  const { attempts, repeated } = of([20, 1_010, 2_010], [], more);
  assert.deepEqual({ attempts, repeated }, { attempts: 2, repeated: 2 });
});

test("the median of several is that of each figure, never being the longest", () => {
  const all = [5, null, 1, null].map((notice, attempts) => ({ notice, attempts }));
  assert.deepEqual(median(all), { notice: 5, attempts: 1 });
  assert.deepEqual(median(all.slice(1, 2)), { notice: null, attempts: 1 });
});

test("never is beyond every bound, and silence about a loss beyond any other", () => {
  const good = { notice: 10, silent: 0, repeated: 0 };
  assertWithin(good, { notice: 10 });
  for (const worse of [{ notice: 11 }, { notice: null }, { silent: 1 }, { repeated: 1 }]) {
    assert.throws(() => assertWithin({ ...good, ...worse }, { notice: 10 }), assert.AssertionError);
  }
});

test("what was lost before the fault is not its doing", () => {
  const moments = { fault: 3_500, end: END };
  const lost = record([20, null, null, null, 4_020]);
  assert.deepEqual(pick(figures(lost, moments)), { silent: 1, told: 0 });
  assert.deepEqual(pick(figures(lost, { ...moments, since: 2_500 })), { silent: 2, told: 0 });
});

const pick = ({ silent, told }) => ({ silent, told });
