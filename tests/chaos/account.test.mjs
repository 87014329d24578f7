// The accounts themselves: kept wrongly, they would hide what they are to show.

import assert from "node:assert/strict";
import { test } from "node:test";
import { account, MESSAGE_BYTES, sum } from "./account.mjs";

/**
 * A record, from what happened in this order: `["to", connection, number]`, `["from", connection, number]`, also of a connection
 * that nobody listens to any more (`"deaf"`), and events of the application's.
 */
function record(count, happenings) {
  const connections = [];
  const echoes = [];
  const events = [];
  const of = (index) => {
    connections[index] ??= { sends: [], arrivals: [] };
    return connections[index];
  };
  happenings.forEach(([type, ...rest], step) => {
    const [index, number, deaf] = rest;
    if (type === "to") of(index).sends.push([number, step]);
    else if (type === "from") {
      of(index).arrivals.push(step);
      if (number !== undefined && !deaf) echoes.push([number, number * 100 + 10, step]);
    } else events.push({ type, step, ...rest[0] });
  });
  const sent = Array.from({ length: count }, (_, number) => number * 100);
  return { sent, rejected: [], echoes, events, connections };
}

const of = (count, ...happenings) => account(record(count, happenings));

const bytes = (messages) => ({ handedOver: messages * MESSAGE_BYTES });

function assertAccount(account, expected) {
  const nothing = {
    dropped: 0,
    doubted: 0,
    underWay: 0,
    unaccounted: [],
    contradicted: [],
    repeated: [],
    disordered: [],
  };
  const { sent, confirmed, connections, away, longest, ...rest } = account;
  assert.deepEqual(rest, { ...nothing, ...expected });
  assert.equal(sent, confirmed + rest.dropped + rest.doubted + rest.underWay + rest.unaccounted.length);
}

test("what came back is confirmed, and needs no explanation", () => {
  assertAccount(of(2, ["to", 0, 0], ["from", 0, 0], ["to", 0, 1], ["from", 0, 1]), {});
});

test("what went to a connection that ended is in doubt as far as its bytes in doubt go", () => {
  const until = [
    ["to", 0, 0],
    ["from", 0, 0],
    ["to", 0, 1],
    ["to", 0, 2],
  ];
  assertAccount(of(3, ...until, ["close", bytes(2)]), { doubted: 2 });
  assertAccount(of(3, ...until, ["close", bytes(1)]), { doubted: 1, unaccounted: [1] });
  assertAccount(of(3, ...until, ["close", {}]), { unaccounted: [1, 2] });
  assertAccount(of(3, ...until), { unaccounted: [1, 2] });
});

test("what was sent before the last sign of life is under way, whatever that sign was", () => {
  const ended = [
    ["to", 0, 0],
    ["to", 0, 1],
    ["from", 0, 0],
    ["to", 0, 2],
    ["close", bytes(1)],
  ];
  assertAccount(of(3, ...ended), { underWay: 1, doubted: 1 });
  assertAccount(of(1, ["to", 0, 0], ["from", 0], ["close", bytes(0)]), { underWay: 1 });
  // What arrives after the end is no sign to anyone.
  assertAccount(of(1, ["to", 0, 0], ["close", bytes(0)], ["from", 0, 0, "deaf"]), { unaccounted: [0] });
});

test("what is missing before an echo on the same connection was lost by nobody's fault but ours", () => {
  assertAccount(of(2, ["to", 0, 0], ["to", 0, 1], ["from", 0, 1], ["close", bytes(2)]), { unaccounted: [0] });
});

test("each end tells of the connection that it ended, failed attempts between them of none", () => {
  const first = [
    ["to", 0, 0],
    ["close", bytes(1)],
    ["close", bytes(0)],
  ];
  const second = [
    ["to", 1, 1],
    ["to", 1, 2],
    ["close", bytes(1)],
  ];
  assertAccount(of(3, ...first, ...second), { doubted: 2, unaccounted: [1] });
});

test("a move ends a connection, which may still deliver, and be returned to", () => {
  const there = [
    ["to", 0, 0],
    ["to", 0, 1],
    ["migrate", bytes(2)],
    ["to", 1, 2],
    ["from", 0, 0],
  ];
  assertAccount(of(3, ...there, ["from", 1, 2], ["close", bytes(0)]), { doubted: 1 });
  const back = [
    ["migrate", bytes(1)],
    ["to", 0, 3],
    ["from", 0, 1],
    ["from", 0, 3],
    ["close", bytes(0)],
  ];
  assertAccount(of(4, ...there, ...back), { doubted: 1 });
});

test("what was never handed to a connection must have been dropped, and must not come back then", () => {
  assertAccount(of(2, ["drop", { messages: [0] }]), { dropped: 1, unaccounted: [1] });
  assertAccount(account({ ...record(1, []), rejected: [0] }), { dropped: 1 });
  assertAccount(of(1, ["to", 0, 0], ["from", 0, 0], ["drop", { messages: [0] }]), { contradicted: [0] });
  // Two explanations are none.
  assertAccount(of(1, ["to", 0, 0], ["drop", { messages: [0] }], ["close", bytes(1)]), { unaccounted: [0] });
});

test("what is handed over or comes back twice is repeated", () => {
  assertAccount(of(1, ["to", 0, 0], ["from", 0, 0], ["from", 0, 0]), { repeated: [0] });
  assertAccount(of(1, ["to", 0, 0], ["close", bytes(1)], ["to", 1, 0], ["from", 1, 0]), { repeated: [0] });
});

test("one connection keeps the order, and so does what is handed over to any", () => {
  const sends = [
    ["to", 0, 0],
    ["to", 0, 1],
  ];
  assertAccount(of(2, ...sends, ["from", 0, 1], ["from", 0, 0]), { disordered: [0] });
  assertAccount(of(2, ["to", 0, 1], ["to", 1, 0], ["from", 0, 1], ["from", 1, 0]), { disordered: [0] });
  const moved = [
    ["to", 0, 0],
    ["migrate", bytes(1)],
    ["to", 1, 1],
    ["from", 1, 1],
    ["from", 0, 0],
  ];
  assertAccount(of(2, ...moved), {});
});

test("absent is who sends and hears nothing back for two seconds, as long as it sends", () => {
  const echoes = (times) => times.flatMap((time, number) => (time === null ? [] : [[number, time, 0]]));
  const of = (sent, times) => {
    const { away, longest } = account({
      sent,
      rejected: [],
      echoes: echoes(times),
      events: [],
      connections: [all(sent)],
    });
    return { away, longest };
  };
  const all = (sent) => ({ sends: sent.map((_, number) => [number, number]), arrivals: [] });
  assert.deepEqual(of([0, 100, 200, 300], [10, 2_099, 2_300, null]), { away: 100, longest: 100 });
  assert.deepEqual(of([0, 100, 200, 300, 400], [null, null, 210, null, 410]), { away: 300, longest: 200 });
  // It slept after its first message.
  assert.deepEqual(of([0, 20_000], [19_990, 20_010]), { away: 1_000, longest: 1_000 });
});

test("a sum has the longest absence of one, and the numbers of all", () => {
  const one = of(2, ["to", 0, 0], ["from", 0, 0]);
  const total = sum([one, { ...one, longest: 5_000 }]);
  assert.deepEqual([total.sent, total.longest, total.unaccounted], [4, 5_000, [1, 1]]);
});
