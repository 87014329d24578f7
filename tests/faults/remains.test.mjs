// What ten thousand reconnects leave behind in one page: heap, wasm memory, listeners and timers, before and after.

import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { BROWSERS, launch } from "../support/browser.mjs";
import { startFleets } from "../support/fleet.mjs";
import { root } from "../support/package.mjs";

const RECONNECTS = 10_000;
/** In one call of the page's, so that no call takes longer than a script may. */
const AT_A_TIME = 1_000;
/** The engine's own caches grow a little, however often they are emptied. */
const MOST_HEAP_GROWN = 1_000_000;

let fleets;
before(async () => {
  const site = fileURLToPath(new URL("site", import.meta.url));
  fleets = await startFleets({ "/": site, "/evenkeel": join(root, "dist") });
});
after(() => fleets?.stop());

for (const engine of BROWSERS) {
  describe(engine, () => {
    let page;
    before(async () => {
      page = await launch(engine);
    });
    after(() => page?.quit());

    test(`${RECONNECTS} reconnects leave nothing behind`, { timeout: 600_000 }, async () => {
      const fleet = await fleets.make({ servers: [{ count: 3 }], refresh: 100 });
      await page.open(`${fleets.origin}/elsewhere.html`);
      await page.run(prepare, fleet.list);
      // What is made once is made by then.
      await page.run(reconnect, AT_A_TIME);
      const first = await measure(page, engine);
      for (let done = 0; done < RECONNECTS; done += AT_A_TIME) await page.run(reconnect, AT_A_TIME);
      const last = await measure(page, engine);
      console.log(`${engine}, before and after ${RECONNECTS} reconnects:`);
      console.table({ before: first, after: last });
      assert.equal(last.wasm, first.wasm, "the wasm's memory grew");
      assert.deepEqual([last.timers, last.listeners], [first.timers, first.listeners]);
      assert.ok(!(last.heap > first.heap + MOST_HEAP_GROWN), `the heap grew from ${first.heap} to ${last.heap} bytes`);
      const gone = await page.run(end);
      assert.deepEqual(gone, { timers: 0, listeners: 0 }, "a closed socket left something behind");
      assert.equal(
        (await fleet.state()).servers.reduce((sum, { connections }) => sum + connections, 0),
        0,
      );
    });
  });
}

/** In the page: opens a socket, with an eye on all that it takes from the platform. */
async function prepare(list) {
  const timers = new Set();
  const { setTimeout: begin, clearTimeout: forget } = globalThis;
  globalThis.setTimeout = (callback, delay) => {
    const timer = begin(() => {
      timers.delete(timer);
      callback();
    }, delay);
    timers.add(timer);
    return timer;
  };
  globalThis.clearTimeout = (timer) => {
    timers.delete(timer);
    forget(timer);
  };
  let listeners = 0;
  for (const target of [window, document]) {
    const { addEventListener, removeEventListener } = target;
    target.addEventListener = function (...given) {
      listeners += 1;
      addEventListener.apply(this, given);
    };
    target.removeEventListener = function (...given) {
      listeners -= 1;
      removeEventListener.apply(this, given);
    };
  }
  const { instantiateStreaming } = WebAssembly;
  WebAssembly.instantiateStreaming = async (...given) => {
    const made = await instantiateStreaming.apply(WebAssembly, given);
    window.wasm = made.instance.exports.memory;
    return made;
  };
  const { BalancedWebSocket } = await import("/evenkeel/index.js");
  const socket = new BalancedWebSocket(list, [], { cache: false });
  const opens = () => new Promise((resolve) => socket.addEventListener("open", resolve, { once: true }));
  await opens();
  window.held = { socket, opens, begin, counts: () => ({ timers: timers.size, listeners }) };
}

/** In the page: so many times, one after the other. */
async function reconnect(times) {
  const { socket, opens } = window.held;
  for (let done = 0; done < times; done += 1) {
    const opened = opens();
    socket.reconnect();
    await opened;
  }
}

/** In the page: closes for good, and counts what is left. */
async function end() {
  const { socket, begin, counts } = window.held;
  const closed = new Promise((resolve) => socket.addEventListener("close", resolve, { once: true }));
  socket.close();
  await closed;
  await new Promise((resolve) => begin(resolve, 100));
  return counts();
}

async function measure(page, engine) {
  const counted = await page.run(() => ({ ...window.held.counts(), wasm: window.wasm.buffer.byteLength }));
  if (engine !== "chromium") return counted;
  await page.driver.sendDevToolsCommand("HeapProfiler.collectGarbage", {});
  const { usedSize } = await page.driver.sendAndGetDevToolsCommand("Runtime.getHeapUsage", {});
  return { ...counted, heap: usedSize };
}
