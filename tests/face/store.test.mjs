// The store over a real face, whose driver is moved by hand.
import assert from "node:assert/strict";
import { test } from "node:test";
import { EvenkeelError } from "../../dist/errors.js";
import { observe } from "../../dist/store.js";
import { OTHER, reports, rig, running, SERVER, settled } from "./rig.mjs";

/** A running socket, its store, and the snapshots that a subscriber was given. */
async function observed(options) {
  const made = await running(options);
  const store = observe(made.socket);
  const seen = [];
  const unsubscribe = store.subscribe((snapshot) => seen.push(snapshot));
  return { ...made, made, store, seen, unsubscribe };
}

test("a snapshot stays the same object until something happens, and never changes", async () => {
  const { socket, made, store } = await observed();
  const before = store.getSnapshot();
  assert.equal(store.getSnapshot(), before);
  assert.equal(before.state, "connecting");
  made.open().deliver("a message");
  const after = store.getSnapshot();
  assert.notEqual(after, before);
  assert.equal(store.getSnapshot(), after);
  await settled();
  const told = store.getSnapshot();
  made.face.message({ data: "another", origin: "ws://a.example" });
  await settled();
  assert.equal(store.getSnapshot(), told, "a message is no change");
  assert.deepEqual([before.state, before.server, before.readyState], ["connecting", null, 0]);
  const { state, readyState, server, url, protocol } = told;
  assert.deepEqual([state, readyState, server], ["open", 1, SERVER]);
  assert.deepEqual([url, protocol], [socket.url, socket.protocol]);
  assert.throws(() => {
    told.state = "closed";
  }, TypeError);
});

test("a subscriber is given the present snapshot at once, and every other one until it leaves", async () => {
  const { made, store, seen, unsubscribe } = await observed();
  assert.deepEqual(seen, [store.getSnapshot()]);
  made.open();
  await settled();
  assert.deepEqual(
    seen.map(({ state }) => state),
    ["connecting", "open"],
  );
  assert.equal(seen[1], store.getSnapshot());
  unsubscribe();
  unsubscribe();
  made.end({ code: 1006 });
  await settled();
  assert.equal(seen.length, 2);
  assert.equal(store.getSnapshot().state, "reconnecting");
});

test("one function can subscribe twice, and leaves once for each", async () => {
  const { made, store } = await observed();
  let calls = 0;
  const run = () => calls++;
  const [leave] = [store.subscribe(run), store.subscribe(run)];
  leave();
  made.open();
  await settled();
  assert.equal(calls, 3);
});

test("a move of an application that does not prepare is told once, with the new server", async () => {
  const { made, seen } = await observed();
  made.open();
  await settled();
  made.replace();
  await settled();
  assert.deepEqual(
    seen.map(({ state, server, lastClose }) => [state, server?.id, lastClose]),
    [
      ["connecting", undefined, null],
      ["open", "a", null],
      ["open", "b", null],
    ],
  );
});

test("a move with prepare is told, with the new server", async () => {
  const { made, seen } = await observed({ prepare: () => {} });
  made.open();
  await settled();
  made.migrate();
  await settled();
  assert.equal(seen.at(-1).server, OTHER);
});

test("after a loss there is no server, how it ended is told, and both are gone once another one stands", async () => {
  const { made, seen, store } = await observed();
  made.open();
  made.end({ code: 1012, reason: "restart", wasClean: true });
  // The socket's own listeners are still to see which server it was.
  await settled();
  assert.deepEqual(
    [seen.at(-1).server, seen.at(-1).lastClose],
    [null, { code: 1012, reason: "restart", wasClean: true }],
  );
  made.open(OTHER);
  assert.deepEqual([store.getSnapshot().server, store.getSnapshot().lastClose], [OTHER, null]);
});

test("what is waited for is told, with the time when it ends, until the next attempt", async (t) => {
  t.mock.timers.enable({ apis: ["Date"], now: 5_000 });
  const { made, store } = await observed();
  const emit = (kind, detail) => made.face.emit(kind, detail);
  const retry = () => store.getSnapshot().retry;
  made.end({ code: 1006 });
  emit("retry", { delay: 700, cause: "seed-timeout", attempt: 1, code: "seed-timeout" });
  assert.deepEqual(retry(), { at: 5_700, delay: 700, cause: "seed-timeout", attempt: 1, code: "seed-timeout" });
  emit("retry", { delay: 2_000, cause: "crash", attempt: 1 });
  assert.deepEqual(retry(), { at: 7_000, delay: 2_000, cause: "crash", attempt: 1 });
  emit("retry", { delay: 100, cause: "seed-timeout", attempt: 1, code: "seed-timeout" });
  assert.equal(retry().cause, "crash", "a seed is not what the connection waits for");
  emit("decision", { server: SERVER });
  assert.equal(retry(), null);
  emit("retry", { delay: 1_000, cause: "refused", attempt: 2 });
  assert.equal(retry().attempt, 2);
  made.open();
  assert.equal(retry(), null);
  emit("retry", { delay: 1_000, cause: "seed-timeout", attempt: 0, code: "seed-timeout" });
  assert.equal(retry(), null, "what stands waits for nothing");
  made.end({ code: 1006 });
  emit("retry", { delay: 1_000, cause: "crash", attempt: 1 });
  made.end({ code: 1000, final: true });
  assert.equal(retry(), null, "what has ended waits for nothing");
});

test("the last failure is told with its remedy, until a connection stands", async () => {
  const { made, store } = await observed();
  const error = new EvenkeelError("seed-timeout");
  made.face.emit("retry", { delay: 1, cause: "seed-timeout", attempt: 0, code: "seed-timeout", error });
  assert.equal(store.getSnapshot().error, error);
  made.face.emit("retry", { delay: 1, cause: "nothing-eligible", attempt: 0 });
  assert.equal(store.getSnapshot().error, error, "an event that knows nothing takes nothing back");
  made.open();
  assert.equal(store.getSnapshot().error, null);
});

test("a socket that cannot work says why", async () => {
  const { socket } = rig({ load: () => Promise.reject(new EvenkeelError("wasm-unavailable")) });
  const store = observe(socket);
  await settled();
  const { state, readyState, error, lastClose } = store.getSnapshot();
  assert.deepEqual([state, readyState, error.code, lastClose.code], ["closed", 3, "wasm-unavailable", 1006]);
});

test("the list is looked at when it is read, once for each snapshot, and again after a list event", async (t) => {
  const { socket, made, store } = await observed();
  const looks = t.mock.getter(socket, "servers", () => [SERVER]).mock;
  made.open();
  await settled();
  const { servers } = store.getSnapshot();
  assert.deepEqual(servers, [SERVER]);
  assert.equal(store.getSnapshot().servers, servers);
  assert.equal(looks.callCount(), 1);
  made.face.emit("list", { servers: 1, dropped: [] });
  await settled();
  assert.equal(looks.callCount(), 1, "nobody has asked");
  assert.notEqual(store.getSnapshot().servers, servers);
  assert.equal(looks.callCount(), 2);
});

test("a socket has one store, whoever asks; its methods need no `this`", () => {
  const { socket } = rig();
  assert.equal(observe(socket), observe(socket));
  assert.notEqual(observe(socket), observe(rig().socket));
  const { subscribe, getSnapshot } = observe(socket);
  const seen = [];
  subscribe((snapshot) => seen.push(snapshot))();
  assert.deepEqual(seen, [getSnapshot()]);
});

test("without a socket there is a store that stays idle", () => {
  for (const nothing of [null, undefined]) {
    const { subscribe, getSnapshot } = observe(nothing);
    const seen = [];
    subscribe((snapshot) => seen.push(snapshot))();
    assert.deepEqual(seen, [getSnapshot()]);
    const { state, readyState, server, servers } = getSnapshot();
    assert.deepEqual([state, readyState, server, servers], ["idle", 0, null, []]);
    assert.ok(Object.isFrozen(getSnapshot()));
  }
});

test("a subscriber that throws is reported, and the others hear of it all the same", async (t) => {
  const { made, store, seen } = await observed();
  const reported = reports(t);
  const fault = new Error("mine");
  let armed = false;
  store.subscribe(() => {
    if (armed) throw fault;
  });
  const late = [];
  store.subscribe(({ state }) => late.push(state));
  armed = true;
  made.open();
  assert.deepEqual(await reported(), [fault]);
  assert.deepEqual([seen.at(-1).state, late.at(-1)], ["open", "open"]);
});

test("a subscriber may close the socket, and hears of that as well", async () => {
  const { socket, made, store } = await observed();
  const states = [];
  store.subscribe(({ state }) => {
    states.push(state);
    if (state === "open") socket.close();
  });
  made.open();
  await settled();
  assert.deepEqual(states, ["connecting", "open", "closing"]);
});
