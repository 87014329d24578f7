// What became of an application under a fault, in figures: worked out from the record that the page kept.

import assert from "node:assert/strict";

/** Bytes of one of the application's messages. */
export const MESSAGE_BYTES = 8;

/** For how long after the fault attempts to connect are counted, in ms. */
export const ATTEMPTS_WITHIN = 10_000;

/** Messages that were sent so long before are lost by a fault, if they are, in ms. */
const UNDER_WAY = 1_000;

/**
 * Times are in ms after the fault, null for never. `end` is when the observation ended, `since` when what happens began to
 * count, if that was before the fault was felt. `noticedBy`: the events by which the application is told.
 *
 * | figure | |
 * |---|---|
 * | `notice` | until the application was told: `close`, or `migrate` when it was moved |
 * | `reopen` | until there was a connection that works, which one knows by an echo |
 * | `gap` | the longest time without an echo |
 * | `attempts` | to connect, within ATTEMPTS_WITHIN |
 * | `silent` | messages that were lost and that no event told of |
 * | `told` | messages that were lost, as `drop`, an exception or `handedOver` said |
 * | `repeated` | messages that came back more than once |
 */
export function figures(report, { fault, end, since = fault, noticedBy = ["close", "migrate"] }) {
  const events = report.events.filter(({ at }) => at >= fault && at <= end);
  const after = (at) => (at === undefined ? null : at - fault);
  const counts = (number) => report.sent[number] >= since - UNDER_WAY;
  const { silent, told } = losses(report);
  return {
    notice: after(events.find(({ type }) => noticedBy.includes(type))?.at),
    reopen: after(working(report, events)?.at),
    gap: longestGap(report, fault, end),
    attempts: report.attempts.filter((at) => at >= fault && at < fault + ATTEMPTS_WITHIN).length,
    silent: silent.filter(counts).length,
    told: told.filter(counts).length,
    repeated: report.times.filter((times, number) => times > 1 && counts(number)).length,
  };
}

/** Of each figure the median; of an even number the lower one. */
export function median(all) {
  const orNever = (figure) => figure ?? Number.POSITIVE_INFINITY;
  const ofOne = (name) => {
    const sorted = all.map((figures) => figures[name]).sort((a, b) => orNever(a) - orNever(b));
    return sorted[Math.floor((sorted.length - 1) / 2)];
  };
  return Object.fromEntries(Object.keys(all[0]).map((name) => [name, ofOne(name)]));
}

/** Asserts that no figure is beyond its bound, never being beyond all. Nothing may be lost in silence, or repeated. */
export function assertWithin(figures, bounds) {
  for (const [name, bound] of Object.entries({ silent: 0, repeated: 0, ...bounds })) {
    const figure = figures[name] ?? Number.POSITIVE_INFINITY;
    assert.ok(figure <= bound, `${name}: ${figure}, which may be ${bound} at most`);
  }
}

/** The first connection that brought an echo while it stood. */
function working({ echoed }, events) {
  const stood = events.filter(({ type }) => ["open", "migrate", "close"].includes(type));
  return stood.find(({ type, at }, index) => {
    const until = stood[index + 1]?.at ?? Number.POSITIVE_INFINITY;
    return type !== "close" && echoed.some((echo) => echo !== null && echo >= at && echo <= until);
  });
}

function longestGap({ echoed }, fault, end) {
  const echoes = echoed.filter((at) => at !== null && at > fault && at < end).sort((a, b) => a - b);
  const moments = [fault, ...echoes, end];
  return Math.max(...moments.slice(1).map((at, index) => at - moments[index]));
}

/** A message that never came back was told of by a `drop`, an exception, or the end of a connection with bytes in doubt. */
function losses({ events, sent, echoed, rejected }) {
  const dropped = new Set([...rejected, ...events.flatMap(({ messages = [] }) => messages)]);
  const lost = echoed.flatMap((echo, number) => (echo === null ? [number] : []));
  let unexplained = lost.filter((number) => !dropped.has(number));
  for (const { at, handedOver } of events.filter(({ handedOver }) => handedOver > 0)) {
    // The last that were sent before it are those after which there was no sign of life.
    const before = unexplained.filter((number) => sent[number] <= at);
    const explained = new Set(before.slice(Math.max(0, before.length - Math.ceil(handedOver / MESSAGE_BYTES))));
    unexplained = unexplained.filter((number) => !explained.has(number));
  }
  const silent = new Set(unexplained);
  return { silent: unexplained, told: lost.filter((number) => !silent.has(number)) };
}
