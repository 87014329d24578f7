// What the driver does with sockets that are not the browser's, under a core moved by hand; the rest is tested with the
// real core in browsers (`tests/web`).
import assert from "node:assert/strict";
import { test } from "node:test";
import { Driver } from "../../dist/driver.js";

const [FETCH, CONNECT, CLOSE, ABANDON, LOST, RETRY] = [1, 3, 5, 6, 7, 8];

/** A driver whose core gives the commands in `commands`, and the socket that it dials. */
function rig(socket = {}) {
  const rig = { commands: [], heard: [], told: [], dialled: 0, state: 1, socket, timeout: Infinity };
  const noted =
    (name) =>
    (_now, ...given) =>
      rig.heard.push([name, ...given]);
  class Core {
    static words = () => ";;seed-timeout,seed-overloaded;";
    static isFinal = () => false;
    start() {}
    close() {}
    poll = () => rig.commands.shift();
    timeout = () => rig.timeout;
    state = () => rig.state;
    servers = () => new Float64Array(11);
    id = () => "a";
    url = () => "ws://a.example/";
    closed = noted("closed");
    listFailed = noted("listFailed");
    free() {}
  }
  const face = {
    ask() {},
    dial() {
      rig.dialled += 1;
      return socket;
    },
    verdict: () => true,
    changed() {},
    opened() {},
    closed: ({ code, final }) => rig.told.push(["closed", code, final]),
    emit(type, { cause, code }) {
      if (type === "retry") rig.told.push([type, cause, code]);
      else rig.decided?.();
    },
  };
  rig.driver = new Driver(Core, face, { seeds: 1, bases: [""] });
  rig.does = (...commands) => {
    rig.commands.push(...commands);
    rig.driver.start();
  };
  return rig;
}

const CONNECTING = [CONNECT, 1, 0, 0, 1, 0];
const throwing = () => ({
  close() {
    throw new Error("close");
  },
});

test("a listener that closes when it hears of the decision keeps it from being carried out", () => {
  const made = rig({ close() {} });
  made.decided = () => {
    made.state = 6;
  };
  made.does(CONNECTING, [ABANDON], [LOST, 1]);
  assert.deepEqual([made.dialled, made.told], [0, [["closed", 1006, true]]]);
});

test("a socket that throws when it is let go of keeps nobody from hearing that it is lost", () => {
  const made = rig(throwing());
  made.does(CONNECTING, [ABANDON], [LOST, 0]);
  assert.deepEqual(made.told, [["closed", 1006, false]]);

  const lost = rig(throwing());
  lost.does(CONNECTING);
  lost.socket.onclose({ code: 1012, reason: "", wasClean: true });
  assert.deepEqual(lost.heard, [["closed", 1, 1012, true]]);
});

test("a socket that throws at the closing handshake is waited for no longer than one that does not answer", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const made = rig(throwing());
  made.does(CONNECTING);
  made.commands.push([CLOSE]);
  made.timeout = performance.now() + 1_000;
  made.driver.close(1000, "");
  assert.deepEqual(made.told, []);
  made.commands.push([ABANDON], [LOST, 1]);
  t.mock.timers.tick(2_000);
  assert.deepEqual(made.told, [["closed", 1006, true]]);
});

test("a socket that was let go of has an ear for errors: emitters throw those that nobody hears", () => {
  const made = rig({ close() {} });
  made.does(CONNECTING, [ABANDON]);
  const { onopen, onmessage, onclose } = made.socket;
  assert.deepEqual([onopen, onmessage, onclose], [null, null, null]);
  made.socket.onerror(new Error("closed before the connection was established"));
  assert.deepEqual(made.heard, []);
});

test("every retry after a seed's failure says how it failed, by the core's cause where nothing more is known", () => {
  const made = rig();
  made.does([FETCH, 1, 0], [RETRY, 100, 0, 0]);
  made.does([FETCH, 2, 0]);
  made.driver.answered(2, new Response("", { status: 503, headers: { "retry-after": "7" } }));
  made.does([RETRY, 100, 1, 0], [FETCH, 3, 0]);
  assert.deepEqual(made.heard, [["listFailed", 2, 503, 7]]);
  made.driver.unanswered(3, "list-not-json");
  made.does([RETRY, 100, 1, 0]);
  assert.deepEqual(made.told, [
    ["retry", "seed-timeout", "seed-timeout"],
    ["retry", "seed-overloaded", "seed-overloaded"],
    ["retry", "seed-overloaded", "list-not-json"],
  ]);
});
