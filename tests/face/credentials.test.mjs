// Where a connection goes and with which protocols, and what the application does before it is used.
import assert from "node:assert/strict";
import { test } from "node:test";
import { OTHER, running, SERVER, throwing } from "./rig.mjs";

const names = ["p", "q"];

/** What these options make of a server. */
const credentials = async (options, server = SERVER) => (await running({ names, ...options })).face.credentials(server);

test("who has neither url nor protocols is not asked, and the driver knows", async () => {
  const asked = async (options) => {
    const { face } = await running({ names, ...options });
    return typeof face.credentials;
  };
  assert.equal(await asked({}), "undefined");
  assert.equal(await asked({ url: () => "ws://a.example" }), "function");
  assert.equal(await asked({ protocols: () => "p" }), "function");
});

test("url says where, at once or later, and each is asked with the server", async () => {
  const token = ({ url, id }) => `${url}?token=${id}`;
  assert.deepEqual(await credentials({ url: token }), { url: "ws://a.example/ws?token=a", protocols: names });
  const later = await credentials({ url: async ({ url }) => new URL("/later", url) }, OTHER);
  assert.deepEqual(later, { url: "ws://b.example/later", protocols: names });
});

test("protocols says which, and what is not said is as without the option", async () => {
  const own = { url: SERVER.url, protocols: ["token.1"] };
  assert.deepEqual(await credentials({ protocols: () => "token.1" }), own);
  assert.deepEqual(await credentials({ protocols: async () => new Set(["token.1"]) }), own);
  const both = { url: () => "ws://c.example/", protocols: () => ["r"] };
  assert.deepEqual(await credentials(both), { url: "ws://c.example/", protocols: ["r"] });
  const silent = { url: () => undefined, protocols: () => undefined };
  assert.deepEqual(await credentials(silent), { url: SERVER.url, protocols: names });
  assert.deepEqual((await credentials({ protocols: () => [] })).protocols, [], "no protocol is an answer too");
});

test("credentials are asked for at every attempt", async () => {
  const asked = [];
  const { face } = await running({ url: ({ id, url }) => asked.push(id) && url });
  await Promise.all([face.credentials(SERVER), face.credentials(OTHER), face.credentials(SERVER)]);
  assert.deepEqual(asked, ["a", "b", "a"]);
});

test("credentials that cannot be had are an error of ours, with the cause, and logged", async () => {
  const cause = new Error("no token");
  for (const options of [
    { url: throwing(cause) },
    { url: () => Promise.reject(cause) },
    { protocols: throwing(cause) },
    { protocols: () => Promise.reject(cause), url: () => "ws://a.example" },
  ]) {
    const lines = [];
    const log = (kind, error) => lines.push([kind, error.cause]);
    const made = await running({ ...options, log });
    lines.length = 0;
    await assert.rejects(made.face.credentials(SERVER), { name: "EvenkeelError", code: "credentials-failed", cause });
    assert.deepEqual(lines, [["credentials-failed", cause]]);
  }
});

test("protocols that the browser would refuse for every attempt are credentials that cannot be had", async () => {
  for (const bad of ["", "a b", ["p", "p"], [{}]]) {
    const wrong = { code: "credentials-failed", cause: { name: "SyntaxError" } };
    await assert.rejects(credentials({ protocols: () => bad }), ({ code, cause }) => {
      assert.deepEqual({ code, cause: { name: cause.name } }, wrong, String(bad));
      return true;
    });
  }
});

test("what is no URL of a WebSocket is credentials that cannot be had, and no fault of the server's", async () => {
  for (const bad of ["", "nonsense", "ws://", "ftp://a.example", "ws://a.example/#part", null, {}]) {
    await assert.rejects(credentials({ url: () => bad }), { code: "credentials-failed" }, String(bad));
  }
});

test("an attempt goes where it was said, with those protocols, and shows at once", async () => {
  const { socket, face } = await running({ names });
  const wire = face.dial("ws://c.example/?token", ["r"], SERVER, false);
  assert.deepEqual([wire.url, wire.protocols], ["ws://c.example/?token", ["r"]]);
  assert.deepEqual([socket.url, socket.server], ["ws://c.example/?token", SERVER]);
  assert.deepEqual(face.dial(SERVER.url, undefined, SERVER, false).protocols, names);
});

test("an attempt beside another one shows only once it is the connection", async () => {
  const made = await running();
  const { socket } = made;
  made.dial(SERVER);
  const hedge = made.dial(OTHER, { beside: true, readyState: 1 });
  assert.deepEqual([socket.url, socket.server], [SERVER.url, SERVER]);
  made.face.opened(hedge, OTHER);
  assert.deepEqual([socket.url, socket.server], [OTHER.url, OTHER]);
});

test("a WebSocket that cannot be constructed is an error with its cause, and shows where it would have gone", async () => {
  const cause = new Error("port 6000");
  class Refusing {
    constructor() {
      throw cause;
    }
  }
  const { socket, face } = await running({ WebSocket: Refusing });
  assert.throws(() => face.dial(SERVER.url, undefined, SERVER, false), { code: "socket-failed", cause });
  assert.deepEqual([socket.url, socket.server], [SERVER.url, SERVER]);
});

test("an error that is known of an attempt comes with its error event", async () => {
  const made = await running();
  const seen = [];
  made.socket.onerror = ({ error }) => seen.push(error);
  const known = new Error("no token");
  made.end({ errored: true, error: known });
  made.end({ errored: true });
  assert.deepEqual(seen, [known, undefined]);
});

test("prepare has the browser's own socket and the server, and is waited for", async () => {
  const asked = [];
  let finish;
  const prepare = (...given) => {
    asked.push(given);
    return new Promise((resolve) => {
      finish = resolve;
    });
  };
  const made = await running({ prepare });
  assert.equal(made.settings.prepare, prepare);
  const wire = made.dial(SERVER, { readyState: 1 });
  let prepared = false;
  const promise = made.face.prepare(wire, SERVER).then(() => {
    prepared = true;
  });
  assert.deepEqual(asked, [[wire, SERVER]]);
  await Promise.resolve();
  assert.equal(prepared, false);
  finish();
  await promise;
});

test("what prepare sends goes past the queue, which waits on", async () => {
  const made = await running({ prepare: (socket) => socket.send("login") });
  made.socket.send("1");
  const wire = made.dial(SERVER, { readyState: 1 });
  await made.face.prepare(wire, SERVER);
  assert.deepEqual([wire.sent, made.socket.bufferedAmount], [["login"], 1]);
  made.socket.send("2");
  assert.equal(made.socket.bufferedAmount, 2, "nothing is sent before it stands");
});

test("a prepare that throws or rejects is an error of ours, with the cause, and logged", async () => {
  const cause = new Error("not logged in");
  for (const prepare of [throwing(cause), () => Promise.reject(cause)]) {
    const lines = [];
    const made = await running({ prepare, log: (kind) => lines.push(kind) });
    lines.length = 0;
    const wire = made.dial();
    await assert.rejects(made.face.prepare(wire, SERVER), { name: "EvenkeelError", code: "prepare-failed", cause });
    assert.deepEqual(lines, ["prepare-failed"]);
  }
});

test("without prepare a connection is ready as it is", async () => {
  const { face } = await running();
  assert.equal(await face.prepare({}, SERVER), undefined);
});
