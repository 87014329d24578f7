// Messages through a connection that stands: how many a second, and what they cost the page's main thread.

import { setTimeout as pause } from "node:timers/promises";
import { mainThread } from "./main-thread.mjs";
import { SUBJECTS } from "./stage.mjs";

const SIZES = { "64 B": 64, "1 KiB": 1_024, "64 KiB": 65_536 };
const KINDS = ["text", "binary"];
const DIRECTIONS = ["in", "out"];

const ROUNDS = 41;

/** What one measurement takes with a bare socket, in ms: long beside its beginning and its end. */
const LEAST = 40;

/** The most bytes that wait to be sent, as they are all handed over at once. */
const MOST_BYTES = 64 << 20;

/** Before anything is measured, so that no part of starting is measured with it, in ms. */
const CALM = 500;

/** Runs in the page: a connection for each subject. */
async function connect(lists) {
  const connections = Object.entries(lists).map(async ([name, list]) => {
    const { connect } = await import(`/built/${name}.js`);
    const socket = await connect(list);
    socket.binaryType = "arraybuffer";
    let arrived;
    let left = 0;
    socket.addEventListener("message", ({ data }) => {
      // Looked at, as it would be.
      if (typeof data === "string" ? data.length >= 0 : data.byteLength >= 0) left -= 1;
      if (left === 0) arrived();
    });
    const expect = (count) => {
      left = count;
      return new Promise((resolve) => {
        arrived = resolve;
      });
    };
    return [name, { socket, expect }];
  });
  window.connections = Object.fromEntries(await Promise.all(connections));
}

/** Runs in the page: the milliseconds that so many messages take, the last one having arrived. None: they need none. */
async function pass(name, direction, kind, size, count, burst) {
  if (!count) return 0;
  const { socket, expect } = window.connections[name];
  if (direction === "in") {
    const arrived = expect(count);
    const start = performance.now();
    const body = JSON.stringify({ count, size, binary: kind === "binary" });
    fetch(burst, { method: "POST", body });
    await arrived;
    return performance.now() - start;
  }
  const message = kind === "text" ? "x".repeat(size) : new ArrayBuffer(size);
  const arrived = expect(1);
  const start = performance.now();
  for (let sent = 0; sent < count; sent += 1) socket.send(message);
  // Of all that a sink gets, it answers this alone.
  socket.send("");
  await arrived;
  return performance.now() - start;
}

export async function messages(stage) {
  const { page } = stage;
  const fleets = await stage.fleets({ servers: [{ behaviour: { sink: true } }] });
  const bursts = Object.fromEntries(
    SUBJECTS.map((name) => [name, fleets[name].list.replace(/servers$/, "servers/s1/burst")]),
  );
  await stage.fresh();
  await page.run(connect, Object.fromEntries(SUBJECTS.map((name) => [name, fleets[name].list])));
  await pause(CALM);

  const thread = await mainThread(stage);
  const cells = DIRECTIONS.flatMap((direction) =>
    Object.keys(SIZES).flatMap((size) => KINDS.map((kind) => ({ direction, kind, size }))),
  );
  const measure = async (name, { direction, kind, size }, count) => {
    const before = await thread?.();
    const time = await page.run(pass, name, direction, kind, SIZES[size], count, bursts[name]);
    const after = await thread?.();
    return { rate: count / (time / 1_000), busy: after - before };
  };
  const figures = [];
  for (const cell of cells) {
    const most = cell.direction === "out" ? Math.floor(MOST_BYTES / SIZES[cell.size]) : Number.POSITIVE_INFINITY;
    let count = 100;
    for (let time = 0; time < LEAST && count < most; ) {
      count = Math.min(most, count * 2);
      time = await page.run(pass, "bare", cell.direction, cell.kind, SIZES[cell.size], count, bursts.bare);
    }
    for (const name of SUBJECTS) await measure(name, cell, count);
    const results = await stage.interleaved(ROUNDS, (name) => measure(name, cell, count));
    const of = (field) => Object.fromEntries(SUBJECTS.map((name) => [name, results[name].map(field)]));
    const what = `${cell.direction}, ${cell.size} ${cell.kind}`;
    figures.push({ figure: `messages per second ${what}`, unit: "/s", base: "bare", samples: of(({ rate }) => rate) });
    if (thread) {
      // What it takes to ask the page for nothing is no part of it.
      const idle = [];
      for (let round = 0; round < ROUNDS; round += 1) idle.push((await measure("bare", cell, 0)).busy);
      const nothing = idle.toSorted((a, b) => a - b)[Math.floor(idle.length / 2)];
      figures.push({
        figure: `main-thread time per 1,000 messages ${what}`,
        unit: "ms",
        base: "bare",
        samples: of(({ busy }) => (busy - nothing) / (count / 1_000)),
      });
    }
  }
  for (const fleet of Object.values(fleets)) await fleet.remove();
  return figures;
}
