// The list of an earlier visit: where it is kept, and that no storage, whatever it does, is in anybody's way.
import assert from "node:assert/strict";
import { test } from "node:test";
import { ListCache } from "../../dist/cache.js";
import { rig, running, settled, stub, throwing } from "./rig.mjs";

const LIST = { document: [{ url: "ws://a.example" }], base: "https://a.example/s", age: 3, maxAge: Number.NaN };
/** The same once it has been JSON. */
const KEPT = { ...LIST, maxAge: null };

/** A page's storage until the test is over. */
function storage(t, entries = {}) {
  const kept = new Map(Object.entries(entries));
  const fake = { getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => kept.set(key, value) };
  stub(t, "localStorage", { value: fake });
  return Object.assign(fake, { kept });
}

/** A worker's database until the test is over. `fails`: the step at which it does. Stores are there once they are made. */
function database(t, { fails, kept = new Map() } = {}) {
  stub(t, "localStorage", { value: undefined });
  const stores = new Set();
  const database = { kept, open: 0 };
  const request = (step, act) => {
    const made = {};
    if (fails === `${step} throws`) throw new Error(step);
    if (fails === `${step} hangs`) return made;
    setImmediate(() => {
      if (fails === step) made.onerror();
      else act(made);
    });
    return made;
  };
  const objectStore = {
    get: (key) => request("get", (made) => made.onsuccess(Object.assign(made, { result: kept.get(key) }))),
    put: (value, key) =>
      request("put", (made) => {
        kept.set(key, value);
        made.onsuccess();
      }),
  };
  const result = {
    createObjectStore: (name) => stores.add(name),
    close() {
      database.open -= 1;
    },
    transaction(name, mode) {
      assert.match(mode, /^read(only|write)$/);
      if (!stores.has(name) || fails === "transaction throws") throw new Error("NotFoundError");
      return { objectStore: () => objectStore };
    },
  };
  const open = () =>
    request("open", (made) => {
      Object.assign(made, { result });
      database.open += 1;
      if (!stores.size && fails !== "upgrade") made.onupgradeneeded();
      made.onsuccess();
    });
  stub(t, "indexedDB", { value: { open } });
  return database;
}

test("a list that was written is read by the next visit, with the time that has passed", async (t) => {
  storage(t);
  let now = 1e12;
  t.mock.method(Date, "now", () => now);
  new ListCache("key").write(LIST);
  now += 60_000;
  assert.deepEqual(await new ListCache("key").read(), { ...KEPT, ago: 60_000 });
  assert.equal(await new ListCache("other").read(), undefined);
});

test("what storage holds by that name may be anything, and is never thrown", async (t) => {
  for (const text of ["", "{", "null", "[", "undefined"]) {
    storage(t, { key: text });
    assert.equal(await new ListCache("key").read(), undefined, text);
  }
  for (const text of ["5", '"text"', "[]", "{}", '{"at":"yesterday"}']) {
    storage(t, { key: text });
    const { ago } = await new ListCache("key").read();
    assert.ok(Number.isNaN(ago), `${text}: nobody knows how old that is`);
  }
});

test("a page that is forbidden to have storage works without", async (t) => {
  const fault = throwing(new Error("SecurityError"));
  for (const descriptor of [{ get: fault }, { value: { getItem: fault, setItem: fault } }, { value: {} }]) {
    stub(t, "localStorage", descriptor);
    const cache = new ListCache("key");
    assert.equal(await cache.read(), undefined);
    cache.write(LIST);
  }
});

test("where there is no storage of any kind, nothing is kept", async (t) => {
  stub(t, "localStorage", { value: undefined });
  stub(t, "indexedDB", { value: undefined });
  const cache = new ListCache("key");
  cache.write(LIST);
  assert.equal(await cache.read(), undefined);
});

test("a list that is too large is not kept, and the one before stays", async (t) => {
  const { kept } = storage(t, { key: "before" });
  const sized = (length) => ({ document: "x".repeat(length), base: "" });
  new ListCache("key").write(sized(500_000));
  assert.equal(kept.get("key"), "before");
  new ListCache("key").write(sized(499_000));
  assert.ok(kept.get("key").length > 499_000);
});

test("what cannot be written as JSON is not kept", (t) => {
  const { kept } = storage(t);
  new ListCache("key").write({ document: 1n });
  assert.equal(kept.size, 0);
});

test("a list is written at once, and then every five seconds at the most", (t) => {
  const { kept } = storage(t);
  let now = 0;
  t.mock.method(performance, "now", () => now);
  const cache = new ListCache("key");
  const writes = [0, 4_999, 5_000, 9_999, 10_001].filter((at) => {
    now = at;
    kept.clear();
    cache.write(LIST);
    return kept.size;
  });
  assert.deepEqual(writes, [0, 5_000, 10_001]);
});

test("a worker keeps it in its database, which is made for it and closed again", async (t) => {
  const made = database(t);
  new ListCache("key").write(LIST);
  await settled();
  await settled();
  assert.deepEqual([...made.kept.keys()], ["key"]);
  const { ago, ...list } = await new ListCache("key").read();
  assert.deepEqual([list, ago >= 0, made.open], [KEPT, true, 0]);
  assert.equal(await new ListCache("other").read(), undefined);
});

test("a database that fails at any step is as good as none", async (t) => {
  for (const fails of [
    "open",
    "open throws",
    "upgrade",
    "transaction throws",
    "get",
    "get throws",
    "put",
    "put throws",
  ]) {
    const made = database(t, { fails });
    const cache = new ListCache("key");
    cache.write(LIST);
    assert.equal(await cache.read(), undefined, fails);
    assert.equal(made.open, 0, `${fails}: nothing is left open`);
  }
});

test("a platform that throws at the name of its database has none", async (t) => {
  stub(t, "localStorage", { value: undefined });
  stub(t, "indexedDB", { get: throwing(new Error("SecurityError")) });
  const cache = new ListCache("key");
  cache.write(LIST);
  assert.equal(await cache.read(), undefined);
});

test("a database that keeps us waiting is waited for no longer than 200 ms", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  for (const fails of ["open hangs", "get hangs"]) {
    database(t, { fails });
    const read = new ListCache("key").read();
    let answer = "none";
    read.then((list) => {
      answer = list;
    });
    t.mock.timers.tick(199);
    await settled();
    assert.equal(answer, "none", fails);
    t.mock.timers.tick(1);
    await settled();
    assert.equal(answer, undefined, fails);
  }
});

/** By what key a socket looks for the list of an earlier visit. */
async function keysOf(t, options) {
  const { kept } = storage(t);
  const asked = [];
  localStorage.getItem = (key) => asked.push(key) && null;
  const made = await running({ fetch: () => new Promise(() => {}), ...options });
  made.face.remember(LIST);
  assert.deepEqual([...kept.keys()], asked, "it is written to where it is read");
  return asked;
}

const seeds = ["https://a.example/s", "https://b.example/s"];

test("lists are kept by a name made of the seeds, or by the one given", async (t) => {
  assert.deepEqual(await keysOf(t, { source: seeds[0] }), ["evenkeel https://a.example/s"]);
  assert.deepEqual(await keysOf(t, { source: seeds }), ["evenkeel https://a.example/s https://b.example/s"]);
  assert.deepEqual(await keysOf(t, { source: seeds, cache: "mine" }), ["mine"]);
  assert.deepEqual(await keysOf(t, { source: seeds, cache: false }), []);
});

test("a list from a function is kept only by a name given, and a fixed one never", async (t) => {
  const source = () => new Promise(() => {});
  assert.deepEqual(await keysOf(t, { source }), []);
  assert.deepEqual(await keysOf(t, { source, cache: "mine" }), ["mine"]);
  for (const fixed of ["ws://a.example", [{ url: "ws://a.example" }]]) {
    assert.deepEqual(await keysOf(t, { source: fixed, cache: "mine" }), []);
  }
});

test("the driver begins with the list of an earlier visit, while the seed is being asked already", async (t) => {
  storage(t);
  new ListCache("mine").write(LIST);
  let asked = 0;
  const fetch = () => {
    asked += 1;
    return new Promise(() => {});
  };
  const made = rig({ source: seeds[0], cache: "mine", fetch });
  assert.equal(asked, 1);
  await settled();
  const { ago, ...cached } = made.settings.cached;
  assert.deepEqual([cached, ago >= 0], [KEPT, true]);
});

test("a database that hangs holds nobody up for longer than its time", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  database(t, { fails: "open hangs" });
  const made = await running({ source: seeds[0], fetch: () => new Promise(() => {}) });
  assert.equal(made.face, undefined);
  t.mock.timers.tick(200);
  await settled();
  assert.equal(made.settings.cached, undefined);
  assert.equal(made.socket.state, "connecting");
});
