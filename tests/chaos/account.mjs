// What became of every message of an application: worked out from the record that it kept (site/application.js).

/** Bytes of one of the application's messages. */
export const MESSAGE_BYTES = 8;

/** A message whose echo takes longer had no connection when it was sent, in ms. */
export const LATE = 2_000;

/** A message stands for the time until the next one, and for no more than this: a page that stands still misses nothing. */
const STANDS_FOR = 1_000;

/**
 * | figure | |
 * |---|---|
 * | `sent` | messages |
 * | `confirmed` | of these came back |
 * | `dropped` | did not, as a `drop` or an exception said |
 * | `doubted` | had been handed to a connection that ended, and are within the `handedOver` bytes of its `close` or `migrate` |
 * | `underWay` | the same, but something arrived after they had been sent: a browser cannot tell them from those that arrived |
 * | `unaccounted` | numbers of the others, of which nothing is known, or two things that exclude each other |
 * | `contradicted` | numbers that were said to be dropped, and came back |
 * | `repeated` | numbers that came back, or were handed over, more than once |
 * | `disordered` | numbers that were handed over, or came back on one connection, after a later one |
 * | `connections` | to which messages were given |
 * | `away` | ms in which messages were sent that did not come back soon |
 * | `longest` | ms of that at a stretch |
 */
export function account(record) {
  const { sent, rejected, echoes, events, connections } = record;
  const echoed = new Map(echoes.toReversed());
  const dropped = new Set([...rejected, ...events.flatMap(({ messages = [] }) => messages)]);
  const { doubted, underWay } = ends(record, echoed);
  const lost = sent.map((_, number) => number).filter((number) => !echoed.has(number));
  const reasons = [dropped, doubted, underWay];
  const unaccounted = lost.filter((number) => reasons.filter((reason) => reason.has(number)).length !== 1);
  const unclear = new Set(unaccounted);
  const count = (reason) => lost.filter((number) => reason.has(number) && !unclear.has(number)).length;
  return {
    sent: sent.length,
    confirmed: sent.length - lost.length,
    dropped: count(dropped),
    doubted: count(doubted),
    underWay: count(underWay),
    unaccounted,
    contradicted: [...dropped].filter((number) => echoed.has(number)),
    repeated: [
      ...twice(echoes.map(([number]) => number)),
      ...twice(handedOver(connections).map(({ number }) => number)),
    ],
    disordered: disordered(record),
    connections: connections.filter(({ sends }) => sends.length).length,
    ...absence(sent, echoed),
  };
}

/** Adds accounts up; the longest absence is that of the one who had it. */
export function sum(accounts) {
  const [first] = accounts;
  const add = (name) => {
    const values = accounts.map((account) => account[name]);
    if (Array.isArray(first[name])) return values.flat();
    return name === "longest" ? Math.max(...values) : values.reduce((total, value) => total + value);
  };
  return Object.fromEntries(Object.keys(first).map((name) => [name, add(name)]));
}

/** What was handed over, in that order. */
const handedOver = (connections) =>
  connections
    .flatMap((connection) => connection.sends.map(([number, step]) => ({ number, step, connection })))
    .sort((a, b) => a.step - b.step);

/** What went to one connection until something went to another one. A move that is taken back returns to the first. */
function stints(connections) {
  const all = [];
  for (const { number, step, connection } of handedOver(connections)) {
    const last = all.at(-1);
    if (last?.connection === connection) last.sends.push([number, step]);
    else all.push({ connection, sends: [[number, step]] });
  }
  return all;
}

/** What the ends of connections leave without an echo, and account for. */
function ends({ events, connections }, echoed) {
  const doubted = new Set();
  const underWay = new Set();
  const closings = events.filter(({ type }) => type === "close" || type === "migrate");
  for (const { connection, sends } of stints(connections)) {
    const [, lastStep] = sends.at(-1);
    while (closings.length && closings[0].step < lastStep) closings.shift();
    const end = closings.shift();
    if (!end) break;
    // What a server has read it answers in order: nothing can be missing before an echo.
    const lastEchoed = connection.sends.findLastIndex(([number]) => echoed.has(number));
    const afterAll = new Set(connection.sends.slice(lastEchoed + 1).map(([number]) => number));
    const told = Math.ceil((end.handedOver ?? 0) / MESSAGE_BYTES);
    const lastArrival = connection.arrivals.findLast((step) => step < end.step) ?? 0;
    sends.forEach(([number, step], index) => {
      if (!afterAll.has(number)) return;
      if (index >= sends.length - told) doubted.add(number);
      else if (step < lastArrival) underWay.add(number);
    });
  }
  return { doubted, underWay };
}

function twice(numbers) {
  const seen = new Set();
  return numbers.filter((number) => seen.has(number) || !seen.add(number));
}

function disordered({ echoes, connections }) {
  const all = handedOver(connections);
  const wrong = afterLater(all.map(({ number }) => number));
  const carrier = new Map(all.map(({ number, connection }) => [number, connection]));
  const received = new Map(connections.map((connection) => [connection, []]));
  for (const [number] of echoes) received.get(carrier.get(number)).push(number);
  return [...wrong, ...[...received.values()].flatMap(afterLater)];
}

function afterLater(numbers) {
  let last = -1;
  return numbers.filter((number) => {
    const late = number < last;
    last = Math.max(last, number);
    return late;
  });
}

function absence(sent, echoed) {
  let away = 0;
  let longest = 0;
  let stretch = 0;
  sent.forEach((at, number) => {
    const soon = echoed.has(number) && echoed.get(number) - at <= LATE;
    stretch = soon ? 0 : stretch + Math.min(STANDS_FOR, (sent[number + 1] ?? at) - at);
    longest = Math.max(longest, stretch);
    if (!soon) away += Math.min(STANDS_FOR, (sent[number + 1] ?? at) - at);
  });
  return { away, longest };
}
