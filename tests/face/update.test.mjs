// Lists that the application has: `update()`.
import assert from "node:assert/strict";
import { test } from "node:test";
import { EvenkeelError } from "../../dist/errors.js";
import { CONNECTING, reports, rig, running, settled, throwing } from "./rig.mjs";

const LIST = { servers: [{ url: "ws://a.example" }] };

/** The lists that the driver was given. */
const updates = ({ calls }) => calls.filter(([name]) => name === "update").map(([, ...given]) => given);

/** A socket whose driver throws this when it is given a list. */
function refusing(code, options) {
  const made = rig(options);
  const { Driver } = made.core;
  made.core.Driver = class extends Driver {
    update = throwing(new EvenkeelError(code));
  };
  return made;
}

test("a list given before the driver is there is given to it as soon as it has started, once", async () => {
  const made = rig({ source: "https://a.example/s", fetch: () => new Promise(() => {}) });
  made.socket.update([]);
  made.socket.update(LIST);
  await settled();
  assert.equal(made.now, CONNECTING);
  assert.deepEqual(updates(made), [[LIST, "https://a.example/s"]]);
  made.socket.update(LIST);
  assert.equal(updates(made).length, 2);
});

test("a list given while idle waits for connect()", async () => {
  const made = await running({ autoConnect: false });
  made.socket.update(LIST);
  await settled();
  assert.equal(made.face, undefined);
  made.socket.connect();
  await settled();
  assert.deepEqual(updates(made), [[LIST, ""]]);
});

test("a list is taken as it was when it was given, before there is a driver and after", async () => {
  const list = structuredClone(LIST);
  const made = rig();
  made.socket.update(list);
  list.servers.push({ url: "ws://later.example" });
  await settled();
  made.socket.update(list);
  list.servers.length = 0;
  assert.deepEqual(
    updates(made).map(([{ servers }]) => servers.length),
    [1, 2],
  );
});

test("relative URLs of a list given resolve as those of the first seed's", async () => {
  const seeds = ["https://a.example/s", "https://b.example/s"];
  const made = await running({ source: seeds, fetch: () => new Promise(() => {}) });
  made.socket.update(LIST);
  assert.deepEqual(updates(made), [[LIST, seeds[0]]]);
});

test("a list that the driver cannot use is thrown, with its code", async () => {
  const made = refusing("list-empty");
  await settled();
  assert.throws(() => made.socket.update([]), { name: "EvenkeelError", code: "list-empty", remedy: /.+/ });
  assert.equal(made.socket.state, "connecting");
});

test("garbage is an invalid list, with what was thrown over it", async () => {
  const made = await running();
  const circular = {};
  circular.servers = circular;
  const fault = new Error("mine");
  const hostile = Object.defineProperty({}, "servers", { enumerable: true, get: throwing(fault) });
  for (const garbage of [circular, { servers: [1n] }, hostile]) {
    assert.throws(
      () => made.socket.update(garbage),
      (error) => error instanceof EvenkeelError && error.code === "list-invalid" && error.cause instanceof Error,
    );
  }
  assert.deepEqual(updates(made), []);
  made.socket.update(undefined);
  assert.deepEqual(updates(made), [[null, ""]], "what JSON has no word for is nothing, and the core says so");
});

test("a list given too early that cannot be used is reported, and the socket goes on", async (t) => {
  const reported = reports(t);
  const made = refusing("list-empty");
  made.socket.update([]);
  await settled();
  assert.deepEqual(
    (await reported()).map(({ code }) => code),
    ["list-empty"],
  );
  assert.equal(made.socket.state, "connecting");
});

test("once closing, no list is looked at any more", async () => {
  const made = await running();
  made.open();
  made.socket.close();
  made.socket.update({ servers: [1n] });
  made.end({ final: true });
  made.socket.update({ servers: [1n] });
  assert.deepEqual(updates(made), []);
});
