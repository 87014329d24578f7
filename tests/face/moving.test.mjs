// What the face does when the connection becomes another one, and what it counts meanwhile.
import assert from "node:assert/strict";
import { test } from "node:test";
import { utf8Length } from "../../dist/validate.js";
import { MIGRATING, OTHER, running, SERVER, Wire } from "./rig.mjs";

/** A socket that keeps what it is given until `leave` is called, as one does whose network is slow. */
class Holding extends Wire {
  send(data) {
    super.send(data);
    this.bufferedAmount += data.size ?? data.byteLength ?? utf8Length(data);
  }
  leave() {
    this.bufferedAmount = 0;
  }
}

const holding = () => running({ WebSocket: Holding });

/** The events of these kinds, each with what the socket showed when it was heard. */
function record({ socket }, ...kinds) {
  const events = [];
  for (const kind of kinds) {
    socket.addEventListener(kind, (event) => {
      const { readyState, url, server } = socket;
      events.push({ type: event.type, event, shown: [readyState, url, server] });
    });
  }
  return events;
}

/** Everything that is heard of a move, but for the states. */
function moves(made, how, reason) {
  const events = record(made, "error", "close", "open", "migrate", "drop");
  made[how](OTHER, reason);
  return events;
}

/** What the last event of these says was handed over. */
const handedOver = (events) => events.at(-1).event.handedOver;

test("until a move has succeeded, everything is the connection's that stands", async () => {
  const made = await running();
  const old = made.open();
  made.move(MIGRATING);
  const next = made.dial(OTHER, { beside: true, readyState: 1 });
  const { state, readyState, url, server } = made.socket;
  assert.deepEqual([state, readyState, url, server], ["migrating", 1, SERVER.url, SERVER]);
  made.socket.send("1");
  assert.deepEqual([old.sent, next.sent], [["1"], []]);
});

test("a move with prepare fires migrate alone, and everything is the new connection's by then", async () => {
  const made = await running();
  made.open();
  const [{ type, event, shown }, ...more] = moves(made, "migrate", "failback");
  const { from, to, reason, handedOver } = event;
  assert.deepEqual([type, from, to, reason, handedOver], ["migrate", SERVER, OTHER, "failback", 0]);
  assert.deepEqual(shown, [1, OTHER.url, OTHER]);
  assert.deepEqual(more, []);
});

test("a migrate listener finds protocol and extensions of the new connection", async () => {
  const made = await running();
  made.open();
  const wire = made.dial(OTHER, { beside: true, readyState: 1 });
  Object.assign(wire, { protocol: "p2", extensions: "x2", url: "ws://b.example/ws?token" });
  made.socket.addEventListener("migrate", () => {
    const { protocol, extensions, url } = made.socket;
    made.heard.push([protocol, extensions, url]);
  });
  made.face.migrated(wire, OTHER, "drain");
  assert.deepEqual(made.heard.at(-1), ["p2", "x2", "ws://b.example/ws?token"]);
});

test("a move without prepare is a close with the old server's name, then at once an open with the new one's", async () => {
  const made = await running();
  made.open();
  const [closed, opened, ...more] = moves(made, "replace", "drain");
  const { code, reason, wasClean, moved, handedOver } = closed.event;
  assert.deepEqual([closed.type, code, reason, wasClean], ["close", 1012, "drain", true]);
  assert.deepEqual([moved, handedOver], [true, 0]);
  assert.deepEqual(closed.shown, [0, SERVER.url, SERVER]);
  assert.deepEqual([opened.type, opened.shown], ["open", [1, OTHER.url, OTHER]]);
  assert.deepEqual(more, []);
});

test("a close that is no move says so, and its listener sees CONNECTING unless it is the last", async () => {
  const made = await running();
  const events = record(made, "close");
  made.open();
  made.end({ code: 1001 });
  made.open();
  made.end({ code: 4000, final: true });
  assert.deepEqual(
    events.map(({ event, shown }) => [shown[0], event.moved]),
    [
      [0, false],
      [3, false],
    ],
  );
});

test("what is sent in the close of a move waits for the new connection, behind what its open listeners send", async () => {
  const made = await running();
  const old = made.open();
  made.socket.addEventListener("close", () => made.socket.send("sent while closing"));
  made.socket.addEventListener("open", () => made.socket.send("login"));
  const next = made.replace();
  made.socket.send("after");
  assert.deepEqual(old.sent, []);
  assert.deepEqual(next.sent, ["login", "sent while closing", "after"]);
});

test("after a move with prepare what has waited is sent before anyone hears of it", async () => {
  const made = await running();
  const old = made.open();
  old.readyState = 3;
  made.socket.send("1");
  made.socket.send("2");
  assert.equal(made.socket.bufferedAmount, 2);
  made.socket.addEventListener("migrate", () => made.socket.send("3"));
  assert.deepEqual(made.migrate().sent, ["1", "2", "3"]);
  assert.deepEqual([old.sent, made.socket.bufferedAmount], [[], 0]);
});

test("after a move everything is sent on the new connection", async () => {
  for (const move of ["migrate", "replace"]) {
    const made = await running();
    const old = made.open();
    const next = made[move]();
    made.socket.send("1");
    assert.deepEqual([old.sent, next.sent], [[], ["1"]], move);
  }
});

test("messages of a connection that has been replaced are still delivered", async () => {
  for (const move of ["migrate", "replace"]) {
    const made = await running();
    const got = [];
    made.socket.onmessage = ({ data }) => got.push(data);
    const old = made.open();
    const next = made[move]();
    next.deliver("new");
    old.deliver("old");
    assert.deepEqual(got, ["new", "old"], move);
  }
});

test("the type of binary data is set on the connection that a move leads to", async () => {
  const made = await running();
  made.open();
  made.move(MIGRATING);
  const next = made.dial(OTHER, { beside: true, readyState: 1 });
  made.socket.binaryType = "arraybuffer";
  made.face.migrated(next, OTHER, "drain");
  assert.equal(next.binaryType, "arraybuffer");
});

test("what was handed over is counted in bytes, as the browser counts them, until something arrives", async () => {
  const made = await holding();
  const closes = record(made, "close");
  made.socket.send("€");
  const wire = made.open();
  made.socket.send(new Uint8Array(4));
  wire.leave();
  made.socket.send(new Blob(["12345"]));
  made.end({});
  assert.equal(handedOver(closes), 3 + 4 + 5, "the queue's bytes too, and no fewer for having left the browser");

  const next = made.open();
  made.socket.send("123");
  next.deliver("a sign of life");
  made.socket.send("12");
  made.end({});
  assert.equal(handedOver(closes), 2);

  made.dial();
  made.end({ errored: true });
  assert.equal(handedOver(closes), 0, "a failed attempt was handed nothing");
});

test("the last close says what was handed over as well", async () => {
  const made = await holding();
  const closes = record(made, "close");
  made.open();
  made.socket.send("1234");
  made.socket.close();
  made.end({ final: true });
  assert.equal(handedOver(closes), 4);
});

test("a ping is not among what was handed over", async () => {
  const made = await running({ WebSocket: Holding, heartbeat: { message: "ping" } });
  const closes = record(made, "close");
  made.face.beat(made.open());
  made.end({});
  assert.equal(handedOver(closes), 0);
});

test("a move says what the connection before it was handed, and the new one begins at zero", async () => {
  const migrating = await holding();
  const events = record(migrating, "migrate", "close");
  migrating.open();
  migrating.socket.send("1234");
  migrating.migrate();
  migrating.socket.send("12");
  migrating.end({});
  assert.deepEqual(
    events.map(({ type, event }) => [type, event.handedOver]),
    [
      ["migrate", 4],
      ["close", 2],
    ],
  );

  const replacing = await holding();
  const closes = record(replacing, "close");
  replacing.open();
  replacing.socket.send("1234");
  replacing.replace();
  replacing.end({});
  assert.deepEqual(
    closes.map(({ event }) => event.handedOver),
    [4, 0],
  );
});

test("what arrives on a connection that has been replaced is no sign of life of the new one", async () => {
  for (const move of ["migrate", "replace"]) {
    const made = await holding();
    const old = made.open();
    const next = made[move]();
    const closes = record(made, "close");
    made.socket.send("12");
    old.deliver("late");
    made.end({});
    assert.equal(handedOver(closes), 2, move);
    assert.equal(next.sent.length, 1);
  }
});

test("bufferedAmount counts what is still under way on the connection before", async () => {
  for (const move of ["migrate", "replace"]) {
    const made = await holding();
    const old = made.open();
    made.socket.send("1234");
    const next = made[move]();
    made.socket.send("12");
    assert.equal(made.socket.bufferedAmount, 6, move);
    old.leave();
    assert.equal(made.socket.bufferedAmount, 2, move);
    next.readyState = 3;
    made.socket.send("waits");
    assert.equal(made.socket.bufferedAmount, 7, move);
    made.end({});
    assert.equal(made.socket.bufferedAmount, 5, `${move}: what a lost connection had is in handedOver`);
  }
});

test("bufferedAmount does not go on counting what a replaced connection took to its end", async () => {
  for (const move of ["migrate", "replace"]) {
    const made = await holding();
    const old = made.open();
    made.socket.send("1234");
    made[move]();
    old.readyState = 3;
    assert.equal(made.socket.bufferedAmount, 0, move);
  }
});

test("nothing of a connection that is gone is counted after going back to the one before", async () => {
  const made = await holding();
  const first = made.open();
  const second = made.migrate(OTHER, "failback");
  made.socket.send("1234");
  second.readyState = 3;
  const events = record(made, "migrate");
  made.face.migrated(first, SERVER, "return");
  const [{ event }] = events;
  assert.deepEqual([event.from, event.to, event.reason, event.handedOver], [OTHER, SERVER, "return", 4]);
  made.socket.send("12");
  assert.deepEqual(first.sent, ["12"]);
  assert.equal(made.socket.bufferedAmount, 2);
});

test("migrate() and refresh() are handed on, and are nothing before there is a driver or after the end", async () => {
  const made = await running({ autoConnect: false });
  made.socket.migrate();
  made.socket.refresh();
  assert.equal(made.socket.state, "idle");
  const live = await running();
  live.socket.migrate();
  live.socket.refresh();
  assert.deepEqual(live.calls, [["migrate"], ["refresh"]]);
  live.end({ final: true });
  await new Promise((resolve) => setTimeout(resolve, 5));
  live.socket.migrate();
  live.socket.refresh();
  assert.equal(live.calls.length, 2);
});
