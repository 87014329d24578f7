// The installed package watches a real seed: in pages, and in Node.

import assert from "node:assert/strict";
import { join } from "node:path";
import { after, afterEach, before, describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath, pathToFileURL } from "node:url";
import { WebSocket } from "ws";
import { BROWSERS, launch } from "../support/browser.mjs";
import { QUICK, startFleets } from "../support/fleet.mjs";
import { install } from "../support/package.mjs";
import { startSeed } from "../support/seed.mjs";

/** For one test, in ms: those of a draining server leave within half a minute. */
const timeout = 90_000;

/** Within which a change is heard of, in ms: the seed makes its list every 50, and the machine may be busy. */
const AT_ONCE = 1_000;

/** From the loss of a stream to the next one, in ms, where the first try succeeds. */
const BACK = 10_000;

let installed;
let fleets;
before(async () => {
  installed = await install();
  const site = fileURLToPath(new URL("site", import.meta.url));
  fleets = await startFleets({ "/": site, "/node_modules": join(installed.folder, "node_modules") });
});
after(async () => {
  await fleets?.stop();
  await installed?.remove();
});

const running = [];
afterEach(async () => {
  for (const one of running.splice(0).reverse()) await (one.stop ?? one.remove).call(one);
});

/** A seed that makes its list often, and knows nothing at first. */
async function seedOf(port, ...more) {
  const seed = await startSeed({ port, arguments: ["--refresh", "50", "--warm-up", "0", ...more] });
  running.push(seed);
  return seed;
}

/** Two servers, and what they report. */
async function makeServers() {
  const fleet = await fleets.make({ ...QUICK, servers: [{ id: "one" }, { id: "two" }] });
  running.push(fleet);
  const { servers } = await (await fetch(fleet.list)).json();
  return servers.map(({ id, url }) => ({ id, url, users: 1, capacity: 100, ttl: 600 }));
}

async function report(seed, servers) {
  const body = JSON.stringify({ servers });
  const { status } = await fetch(seed.list, { method: "PUT", body });
  assert.equal(status, 200);
}

async function until(condition, what, patience = 20_000) {
  const deadline = Date.now() + patience;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`not within ${patience} ms: ${what}`);
    await pause(20);
  }
}

for (const browser of BROWSERS) {
  describe(browser, () => {
    let page;
    before(async () => {
      page = await launch(browser);
    });
    after(() => page?.quit());

    /** So many clients that watch, and fetch the list once, all of them open. */
    const watch = async (source, count = 1, options = {}) => {
      await page.open(fleets.origin);
      await page.until(() => window.ready, "the page's module");
      await page.run(
        async (source, count, options) => {
          const make = () => connect(source, { watch: true, refreshInterval: false, ...options });
          window.records = Array.from({ length: count }, make);
          await Promise.all(window.records.map((record) => opened(record)));
        },
        source,
        count,
        options,
      );
    };

    /** How many lists of this kind each client has heard of. */
    const lists = () =>
      page.run(() => window.records.map(({ events }) => events.filter(({ type }) => type === "list").length));

    test("a drain is heard of at once by all, and they begin to leave", { timeout }, async () => {
      const [seed, servers] = [await seedOf(), await makeServers()];
      const [one, two] = servers;
      await report(seed, [one, { ...two, priority: 1 }]);
      await watch(seed.list, 4);
      await until(async () => (await seed.watchers()) === 4, "four who watch");
      const reported = Date.now();
      await report(seed, [{ ...one, draining: true }, two]);
      await page.until(
        () => window.records.every(({ socket }) => socket.snapshot().leaving === "drain" || socket.server.id === "two"),
        "all know",
      );
      const heardAfter = Date.now() - reported;
      assert.ok(heardAfter < AT_ONCE, `${heardAfter} ms`);
      await page.run(() => {
        const opened = ({ events }) => events.filter(({ type }) => type === "open").length;
        return until(() => window.records.some((record) => opened(record) > 1), "one has left", 40_000);
      });
      const lost = await page.run(() =>
        window.records.flatMap(({ events }) => events.filter(({ type }) => type === "error")),
      );
      assert.deepEqual(lost, []);
      await page.run(() => {
        for (const { socket } of window.records) socket.close();
      });
      await until(async () => (await seed.watchers()) === 0, "nobody watches");
      assert.deepEqual(await page.problems(), []);
    });

    for (const signal of ["SIGTERM", "SIGKILL"]) {
      test(`the seed ends by ${signal} and comes back: so does the stream, and the connection stays`, {
        timeout,
      }, async () => {
        const [seed, servers] = [await seedOf(), await makeServers()];
        await report(seed, servers);
        await watch(seed.list);
        await until(async () => (await seed.watchers()) === 1, "a watcher");
        const [before] = await lists();
        await seed.stop(signal);
        await page.until(
          () => window.records[0].events.some(({ type }) => type === "retry"),
          "it is told that the stream is lost",
        );
        const again = await seedOf(seed.port);
        await report(again, servers);
        // The first try may have come before the seed did.
        await until(async () => (await again.watchers()) === 1, "the stream is back", 3 * BACK + 5_000);
        await until(async () => (await lists())[0] > before, "its list");
        const { state, types } = await page.run(() => ({
          state: window.records[0].socket.state,
          types: window.records[0].events.map(({ type }) => type),
        }));
        assert.equal(state, "open");
        assert.ok(!types.includes("close"), types.join());
      });
    }

    test("of two seeds one dies: the other one is watched", { timeout }, async () => {
      const [first, second, servers] = [await seedOf(), await seedOf(), await makeServers()];
      await report(first, servers);
      await report(second, servers);
      await watch([first.list, second.list]);
      await until(async () => (await first.watchers()) === 1, "the first is watched");
      await first.stop("SIGKILL");
      await until(async () => (await second.watchers()) === 1, "the second is watched", BACK + 5_000);
    });

    test("a seed that has no room for more is polled, and left alone as long as it wants", { timeout }, async () => {
      const [seed, servers] = [await seedOf(0, "--watchers", "1"), await makeServers()];
      await report(seed, servers);
      await watch(seed.list, 2, { refreshInterval: 500 });
      const retries = await page.run(async () => {
        const of = [];
        for (const { socket } of window.records)
          socket.addEventListener("retry", ({ cause, delay }) => of.push({ cause, delay }));
        await until(
          () => window.records.some(({ events }) => events.some(({ type }) => type === "retry")),
          "one is refused",
        );
        return window.records.map(({ events }) => events.filter(({ type }) => type === "retry").length).sort();
      });
      assert.deepEqual(retries, [0, 1]);
      assert.equal(await seed.watchers(), 1);
      const before = await lists();
      await pause(2_000);
      const after = await lists();
      const refused = after.map((count, at) => count - before[at]);
      assert.ok(Math.max(...refused) >= 2, `the one that polls has heard of ${refused} lists`);
      const told = await page.run(() =>
        window.records.map(({ events }) => events.filter(({ type }) => type === "retry").length).sort(),
      );
      assert.deepEqual(told, [0, 1], "it has not tried again");
    });

    test("a page that is left does not watch, and does again if it is come back to", { timeout }, async () => {
      const [seed, servers] = [await seedOf(), await makeServers()];
      await report(seed, servers);
      await watch(seed.list);
      await until(async () => (await seed.watchers()) === 1, "a watcher");
      await page.open(`${fleets.origin}/policy.html`);
      await until(async () => (await seed.watchers()) === 0, "nobody watches");
      await page.back();
      await page.until(() => window.ready, "the page");
      // Where the browser has not kept it, it is a new page.
      if (await page.run(() => !!window.records)) await until(async () => (await seed.watchers()) === 1, "it watches");
    });

    test("a page that nobody sees does not watch, and does again when it is shown", { timeout }, async (t) => {
      const [seed, servers] = [await seedOf(), await makeServers()];
      await report(seed, servers);
      await watch(seed.list);
      await until(async () => (await seed.watchers()) === 1, "a watcher");
      let hides = true;
      await page.whileHidden(async () => {
        hides = await until(async () => (await seed.watchers()) === 0, "nobody watches", 5_000).then(
          () => true,
          () => false,
        );
      });
      await page.activate();
      const visible = await page.run(() => document.visibilityState);
      if (!hides && visible === "visible") return t.skip("this browser hides no page when it is headless");
      await until(async () => (await seed.watchers()) === 1, "it watches again");
    });
  });
}

test("in Node, a drain is heard of at once, and the end leaves nothing behind", { timeout }, async () => {
  const dist = join(installed.folder, "node_modules/evenkeel/dist");
  const { BalancedWebSocket } = await import(pathToFileURL(join(dist, "index.js")));
  const [seed, servers] = [await seedOf(), await makeServers()];
  await report(seed, servers);
  const socket = new BalancedWebSocket(seed.list, [], { watch: true, refreshInterval: false, WebSocket });
  await until(() => socket.state === "open", "open");
  await until(async () => (await seed.watchers()) === 1, "a watcher");
  const { id } = socket.server;
  const reported = Date.now();
  await report(
    seed,
    servers.map((server) => ({ ...server, draining: server.id === id })),
  );
  await until(() => socket.snapshot().leaving === "drain", "the drain is heard of", AT_ONCE);
  assert.ok(Date.now() - reported < AT_ONCE);
  socket.close();
  await until(async () => (await seed.watchers()) === 0, "nobody watches");
});
