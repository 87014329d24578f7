// What the face does by itself, against a driver moved by hand; everything else is tested with the real one in browsers.
import assert from "node:assert/strict";
import { test } from "node:test";
import { EvenkeelError } from "../../dist/errors.js";
import { Socket } from "../../dist/socket.js";
import { OPEN, reports, rig, running, SERVER, settled, stub, throwing } from "./rig.mjs";

/** The end of a socket. */
const closed = (socket) => new Promise((resolve) => socket.addEventListener("close", resolve));

test("class and instance have the standard's constants, and nobody can change them", () => {
  const { socket } = rig();
  ["CONNECTING", "OPEN", "CLOSING", "CLOSED"].forEach((name, value) => {
    for (const holder of [Socket, Socket.prototype]) {
      assert.deepEqual(Object.getOwnPropertyDescriptor(holder, name), {
        value,
        enumerable: true,
        writable: false,
        configurable: false,
      });
    }
    assert.equal(socket[name], value);
  });
});

test("it looks like the platform's: tagged as a WebSocket, its members there for all to see", () => {
  const { socket } = rig();
  assert.equal(String(socket), "[object WebSocket]");
  const members = [];
  for (const name in socket) members.push(name);
  for (const name of ["url", "readyState", "onmessage", "send", "close", "state", "servers", "migrate"]) {
    assert.ok(members.includes(name), name);
  }
  assert.ok(!members.includes("constructor"));
  assert.deepEqual([Object.keys(socket), socket.send.length, socket.close.length], [[], 1, 0]);
});

test("without a WebSocket the constructor says so", (t) => {
  stub(t, "WebSocket", { value: undefined });
  assert.throws(() => new Socket(async () => {}, "ws://a.example"), { code: "no-websocket", remedy: /WebSocket/ });
});

test("the seed is asked before the constructor returns, and the driver gets that very answer", async () => {
  const asked = [];
  const fetch = async (url) => {
    asked.push(url);
    return Response.json({ servers: [] });
  };
  const seeds = ["https://a.example/s", "https://b.example/s"];
  const made = rig({ source: seeds, fetch });
  assert.deepEqual(asked, [seeds[0]]);
  await settled();
  assert.deepEqual([made.settings.seeds, made.settings.bases], [seeds, seeds]);
  const { signal } = new AbortController();
  made.face.ask(0, 7, signal);
  assert.deepEqual(made.calls, [], "the driver is not called while it is calling");
  await settled();
  assert.deepEqual(made.calls, [["answered", 7, 200, { servers: [] }]]);
  assert.equal(asked.length, 1);
  made.face.ask(0, 8, signal);
  made.face.ask(1, 9, signal);
  assert.deepEqual(asked.slice(1), seeds);
});

test("a request that fails before the driver is there is told to it, and nobody else", async () => {
  const made = await running({ source: "https://a.example/s", fetch: () => Promise.reject(new TypeError("down")) });
  const { signal } = new AbortController();
  made.face.ask(0, 1, signal);
  await settled();
  assert.deepEqual(made.calls, [["unanswered", 1, "seed-unreachable"]]);
});

test("the driver's giving up aborts the first request as well", async () => {
  let aborted;
  const fetch = (_, { signal }) =>
    new Promise((_, reject) => {
      aborted = signal;
      signal.addEventListener("abort", () => reject(signal.reason));
    });
  const { face, calls } = await running({ source: "https://a.example/s", fetch });
  const aborter = new AbortController();
  face.ask(0, 1, aborter.signal);
  aborter.abort();
  await settled();
  assert.deepEqual(calls, [["unanswered", 1, "seed-unreachable"]]);
  assert.ok(aborted.aborted);
});

test("a seed's redirect is held to allow, and an allow that throws forbids it", async (t) => {
  const reported = reports(t);
  const fault = new Error("mine");
  const answer = (host) => {
    const response = Response.json([]);
    return Object.defineProperties(response, { redirected: { value: true }, url: { value: `https://${host}/s` } });
  };
  for (const [allow, host, outcome] of [
    [["b.example"], "b.example", ["answered", 1, 200, []]],
    [["b.example"], "evil.example", ["unanswered", 1, "seed-redirected"]],
    [throwing(fault), "b.example", ["unanswered", 1, "seed-redirected"]],
  ]) {
    const made = await running({ source: "https://a.example/s", allow, fetch: async () => answer(host) });
    made.face.ask(0, 1, new AbortController().signal);
    while (!made.calls.length) await settled();
    assert.deepEqual(made.calls, [outcome]);
  }
  assert.deepEqual(await reported(), [fault]);
});

test("with autoConnect false nothing is asked or loaded before connect()", async () => {
  let loads = 0;
  const fetch = () => assert.fail("asked");
  const load = async () => {
    loads += 1;
    return new Promise(() => {});
  };
  const held = rig({ source: "https://a.example/s", autoConnect: false, fetch, load });
  await settled();
  assert.deepEqual([held.socket.state, held.socket.readyState, loads], ["idle", 0, 0]);
  const { socket, heard } = rig({ autoConnect: false, load });
  socket.connect();
  socket.connect();
  socket.reconnect();
  assert.deepEqual([socket.state, heard, loads], ["connecting", ["connecting"], 1]);
});

test("close() while the wasm is loading ends as the standard's, in a later task", async () => {
  let aborted;
  const fetch = (_, { signal }) => {
    aborted = signal;
    return new Promise(() => {});
  };
  const { socket, heard } = rig({ source: "https://a.example/s", fetch, load: () => new Promise(() => {}) });
  let closing;
  socket.onclose = (event) => {
    closing = [event.code, event.reason, event.wasClean, socket.readyState];
  };
  socket.send("never");
  socket.close(1000, "bye");
  socket.close();
  await Promise.resolve();
  assert.deepEqual([socket.readyState, socket.state, heard], [2, "closing", ["closing", "drop"]], "in a later task");
  await closed(socket);
  assert.deepEqual(heard, ["closing", "drop", "closed", "error", "close"]);
  assert.deepEqual(closing, [1006, "", false, 3]);
  assert.ok(aborted.aborted);
});

test("a driver that comes after close() is not made", async () => {
  const made = rig();
  made.socket.close();
  await closed(made.socket);
  assert.equal(made.face, undefined);
  assert.equal(made.socket.state, "closed");
});

test("a load that fails is an error with a remedy, then a final close", async () => {
  const fault = new Error("blocked");
  const { socket, heard } = rig({ load: () => Promise.reject(fault) });
  const seen = [];
  socket.onerror = ({ error }) => seen.push(error.name, error.cause, socket.readyState);
  socket.send("never");
  await settled();
  assert.deepEqual(heard, ["closed", "drop", "error", "close"]);
  assert.deepEqual(seen, ["EvenkeelError", fault, 3]);
});

test("a list that the driver cannot use is told by its code", async () => {
  const core = {
    Driver: class {
      constructor() {
        throw new EvenkeelError("list-empty");
      }
    },
  };
  const { socket } = rig({ load: async () => core });
  const code = new Promise((resolve) => {
    socket.onerror = ({ error }) => resolve(error.code);
  });
  assert.equal(await code, "list-empty");
});

test("a listener of the first list finds its servers, and may close", async () => {
  const made = rig();
  const { Driver } = made.core;
  made.core.Driver = class extends Driver {
    start = () => made.face.emit("list", { servers: 1 });
  };
  let seen;
  made.socket.addEventListener("list", () => {
    seen = made.socket.servers;
    made.socket.close();
  });
  await settled();
  assert.deepEqual(seen, [SERVER]);
  assert.deepEqual([made.calls, made.heard], [[["close", undefined, ""]], ["closing"]]);
});

test("a listener of the first list that calls connect() starts nothing anew", async () => {
  const made = rig();
  const { Driver } = made.core;
  let drivers = 0;
  made.core.Driver = class extends Driver {
    constructor(...parts) {
      super(...parts);
      drivers += 1;
    }
    state = () => 0;
    start = () => made.face.emit("list", { servers: 1 });
  };
  made.socket.addEventListener("list", () => made.socket.connect());
  await settled();
  await settled();
  assert.equal(drivers, 1);
});

test("a bad close() is refused in every state, and changes nothing", async () => {
  const { socket } = await running();
  assert.throws(() => socket.close(1001), { name: "InvalidAccessError" });
  assert.throws(() => socket.close(1000, "x".repeat(124)), { name: "SyntaxError" });
  assert.equal(socket.readyState, 0);
  socket.close();
  assert.throws(() => socket.close(1001), { name: "InvalidAccessError" });
});

test("close() by a listener of a failed attempt ends in one close, that of the attempt", async () => {
  const made = await running();
  made.open();
  made.socket.onerror = () => made.socket.close();
  const closes = [];
  made.socket.onclose = ({ code, reason, handedOver }) =>
    closes.push([code, reason, handedOver, made.socket.readyState]);
  made.end({ code: 1011, reason: "broken", errored: true });
  assert.deepEqual(closes, [], "it is not over yet");
  made.end({ errored: true, final: true });
  assert.deepEqual(closes, [[1011, "broken", 0, 3]]);
  assert.deepEqual(made.heard, ["open", "open", "reconnecting", "error", "closing", "closed", "close"]);
});

test("an abortion closes for good, before and after construction", async () => {
  const before = rig({ signal: AbortSignal.abort() });
  assert.equal(before.socket.readyState, 2);
  await closed(before.socket);
  assert.deepEqual(before.heard, ["closed", "error", "close"]);

  const aborter = new AbortController();
  const after = await running({ signal: aborter.signal });
  after.open();
  aborter.abort();
  assert.deepEqual(after.calls, [["close", undefined, ""]]);
});

test("Symbol.dispose closes", { skip: !Symbol.dispose }, async () => {
  const { socket, calls } = await running();
  socket[Symbol.dispose]();
  assert.deepEqual(calls, [["close", undefined, ""]]);
});

test("what waits is sent in order, after what the open listeners send", async () => {
  const made = await running();
  made.socket.send("1");
  made.socket.send(new Uint8Array([2]));
  made.socket.addEventListener("open", () => made.socket.send("first"));
  assert.equal(made.socket.bufferedAmount, 2);
  const wire = made.open();
  made.socket.send("last");
  assert.deepEqual(
    wire.sent.map((data) => (typeof data === "string" ? data : [...new Uint8Array(data)])),
    ["first", "1", [2], "last"],
  );
  assert.equal(made.socket.bufferedAmount, 0);
});

test("a statechange listener finds the url and is not yet ahead of the queue", async () => {
  const made = await running();
  made.socket.send("1");
  made.socket.addEventListener("statechange", ({ state }) => {
    assert.equal(made.socket.url, SERVER.url);
    if (state === "open") made.socket.send("2");
  });
  assert.deepEqual(made.open().sent, ["1", "2"]);
});

test("close() within an open listener drops the queue instead of sending it", async () => {
  const made = await running();
  made.socket.send("1");
  made.socket.onopen = () => made.socket.close();
  const dropped = [];
  made.socket.addEventListener("drop", ({ messages, reason }) => dropped.push(messages, reason));
  assert.deepEqual(made.open().sent, []);
  assert.deepEqual(dropped, [["1"], "closed"]);
});

test("what is sent on a connection that has died unnoticed waits for the next one", async () => {
  const made = await running();
  const first = made.open();
  first.readyState = 3;
  made.socket.send("1");
  assert.deepEqual(first.sent, []);
  made.end({});
  made.socket.send("2");
  assert.deepEqual(made.open().sent, ["1", "2"]);
});

test("the queue stops at a connection that dies under it, and goes on with the next", async () => {
  const made = await running();
  for (const message of ["1", "2", "3"]) made.socket.send(message);
  const wire = made.dial(SERVER, { readyState: 1 });
  wire.send = (data) => {
    wire.sent.push(data);
    wire.readyState = 3;
  };
  made.move(OPEN);
  made.face.opened(wire, SERVER);
  made.end({});
  assert.deepEqual([wire.sent, made.open().sent], [["1"], ["2", "3"]]);
});

test("after the end send() counts and drops, and never throws", async () => {
  const made = await running({ queueMessages: 1 });
  made.socket.send("abc");
  const wire = made.open();
  wire.bufferedAmount = 3;
  made.socket.close();
  const dropped = [];
  made.socket.addEventListener("drop", ({ messages }) => dropped.push(...messages));
  made.socket.send("é");
  made.socket.send("xx");
  assert.equal(made.socket.bufferedAmount, 3 + 4);
  made.end({ final: true });
  assert.equal(made.socket.bufferedAmount, 3 + 4, "it does not reset to zero once the connection closes");
  assert.deepEqual(dropped, ["é", "xx"]);
  assert.throws(() => made.socket.send(), TypeError);
});

test("overflow throws by default, and drops with an event where asked to", async () => {
  const made = await running({ queueMessages: 1 });
  made.socket.send("1");
  assert.throws(() => made.socket.send("2"), { name: "EvenkeelError", code: "queue-full" });
  assert.deepEqual(made.heard, []);

  const dropping = await running({ queueMessages: 1, overflow: "drop-oldest" });
  const dropped = [];
  dropping.socket.addEventListener("drop", ({ messages, reason }) => dropped.push(...messages, reason));
  dropping.socket.send("1");
  dropping.socket.send("2");
  assert.deepEqual(dropped, ["1", "overflow"]);
  assert.deepEqual(dropping.open().sent, ["2"]);
});

test("a message of a socket that does not know its origin has an empty one", async () => {
  const made = await running();
  let origin;
  made.socket.onmessage = (event) => {
    origin = event.origin;
  };
  made.open().deliver("1", null);
  assert.equal(origin, "");
});

test("messages are new events with data and origin", async () => {
  const made = await running();
  const got = [];
  made.socket.onmessage = (event) => {
    assert.ok(event instanceof MessageEvent);
    got.push([event.data, event.origin, event.target === made.socket]);
  };
  made.open().deliver("1");
  made.end({});
  made.open().deliver("2");
  assert.deepEqual(got, [
    ["1", "ws://a.example", true],
    ["2", "ws://a.example", true],
  ]);
});

test("binaryType is set on this connection and the next, and takes only what the standard has", async () => {
  const made = await running({ names: ["p", "q"] });
  assert.equal(made.socket.binaryType, "blob");
  for (const given of ["nodebuffer", "", null, new String("ArrayBuffer")]) {
    made.socket.binaryType = given;
    assert.equal(made.socket.binaryType, "blob");
  }
  made.socket.binaryType = new String("arraybuffer");
  assert.equal(made.socket.binaryType, "arraybuffer");
  made.socket.binaryType = "blob";
  const first = made.open();
  assert.deepEqual(first.protocols, ["p", "q"]);
  made.socket.binaryType = "arraybuffer";
  assert.equal(first.binaryType, "arraybuffer");
  made.end({});
  const second = made.dial();
  assert.equal(second.binaryType, "arraybuffer");
  made.socket.binaryType = "blob";
  made.move(OPEN);
  made.face.opened(second, SERVER);
  assert.equal(second.binaryType, "blob");
});

test("url, protocol, extensions and server are those of the connection", async () => {
  const made = await running();
  const { socket } = made;
  assert.deepEqual([socket.url, socket.protocol, socket.extensions, socket.server], ["", "", "", null]);
  const wire = made.dial();
  assert.deepEqual([socket.url, socket.server], [SERVER.url, SERVER]);
  Object.assign(wire, { readyState: 1, protocol: "p", extensions: "x", url: "ws://a.example/ws?1" });
  made.move(OPEN);
  made.face.opened(wire, SERVER);
  assert.deepEqual([socket.url, socket.protocol, socket.extensions], ["ws://a.example/ws?1", "p", "x"]);
  socket.onclose = () => assert.equal(socket.server, SERVER, "a close listener can see whose connection it was");
  made.end({});
  assert.deepEqual([socket.url, socket.server], ["ws://a.example/ws?1", null]);
});

test("a failed attempt is an error, then a close", async () => {
  const made = await running();
  made.dial();
  made.end({ errored: true });
  assert.deepEqual(made.heard, ["reconnecting", "error", "close"]);
  assert.equal(made.socket.readyState, 0);
});

test("after the end the driver is freed, and the snapshot is still there", async () => {
  const made = await running();
  made.end({ final: true, code: 4000, wasClean: true });
  assert.deepEqual(made.heard, ["closed", "close"]);
  assert.equal(made.freed, false, "not while it is calling");
  await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(made.freed, true);
  const { socket } = made;
  assert.deepEqual([socket.state, socket.readyState, socket.servers], ["closed", 3, [SERVER]]);
  const { attempts, state, queued } = JSON.parse(JSON.stringify(socket.snapshot()));
  assert.deepEqual([attempts, state, queued], [3, "closed", 0]);
  socket.close();
  socket.reconnect();
  socket.connect();
  assert.deepEqual(made.calls, []);
});

test("shouldReconnect decides; undefined or a throw leaves it to the default", async (t) => {
  const reported = reports(t);
  const verdict = async (shouldReconnect, final) =>
    (await running(shouldReconnect && { shouldReconnect })).face.verdict({ code: 4000 }, final);
  assert.equal(await verdict(undefined, true), false);
  assert.equal(await verdict(undefined, false), true);
  assert.equal(await verdict(({ code }) => code !== 4000, false), false);
  assert.equal(await verdict(() => true, true), true);
  assert.equal(await verdict(() => undefined, true), false);
  for (const odd of [1n, Symbol("yes"), Promise.resolve(true), "yes"]) {
    assert.equal(await verdict(() => odd, true), true, "for the core it is a boolean");
  }
  assert.equal(await verdict(() => 0, false), false);
  assert.deepEqual(await reported(), []);
  const fault = new Error("mine");
  assert.equal(await verdict(throwing(fault), true), false);
  assert.deepEqual(await reported(), [fault]);
});

test("shouldReconnect is not asked after close()", async () => {
  const made = await running({ shouldReconnect: () => assert.fail("asked") });
  made.open();
  made.socket.close();
  assert.equal(made.face.verdict({ code: 1000 }, true), false);
});

test("an event handler attribute keeps the place at which it was first set", async () => {
  const made = await running();
  const { socket } = made;
  const order = [];
  socket.onopen = () => order.push("replaced");
  socket.addEventListener("open", () => order.push("listener"));
  socket.onopen = function (event) {
    assert.equal(this, socket);
    order.push(`handler ${event.type}`);
  };
  made.open();
  assert.deepEqual(order, ["handler open", "listener"]);
  order.length = 0;
  socket.onopen = null;
  assert.equal(socket.onopen, null);
  socket.onopen = () => order.push("again");
  made.end({});
  made.open();
  assert.deepEqual(order, ["listener", "again"], "once taken away, its place is lost");
});

test("an event handler attribute takes objects and ignores the rest", async () => {
  const made = await running();
  const object = {
    handleEvent() {
      assert.fail("no handler attribute calls this");
    },
  };
  made.socket.onmessage = object;
  assert.equal(made.socket.onmessage, object);
  made.open().deliver("1");
  for (const none of ["text", 5, undefined]) {
    made.socket.onmessage = none;
    assert.equal(made.socket.onmessage, null);
  }
});

test("a log that throws is reported and breaks nothing", async (t) => {
  const reported = reports(t);
  const fault = new Error("log");
  const made = await running({ log: throwing(fault) });
  made.socket.send("1");
  assert.deepEqual(made.open().sent, ["1"]);
  assert.deepEqual(made.heard, ["open", "open"]);
  assert.equal((await reported())[0], fault);
});

test("log hears of every event but messages, and of failed requests", async () => {
  const lines = [];
  const log = (kind) => lines.push(kind);
  const made = await running({ log, source: "https://a.example/s", fetch: async () => new Response("<html>") });
  made.open().deliver("1");
  made.end({ errored: true });
  assert.deepEqual(lines, ["statechange", "list-not-json", "statechange", "open", "statechange", "error", "close"]);
});
