// The line between: what it is told to do to connections it does, and else nothing.

import assert from "node:assert/strict";
import { once } from "node:events";
import { after, before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import WebSocket from "ws";
import { startFleets } from "../support/fleet.mjs";
import { FaultyProxy } from "../support/proxy.mjs";

let fleets;
let fleet;
let proxy;
before(async () => {
  fleets = await startFleets();
  fleet = await fleets.make({ servers: [{ count: 2 }] });
  proxy = await FaultyProxy.open(fleet);
});
after(async () => {
  await proxy?.close();
  await fleets?.stop();
});

const list = async () => (await fetch(proxy.list)).json();

async function connected() {
  const socket = new WebSocket(proxy.urls[0]);
  await once(socket, "open");
  return socket;
}

/** How long an echo takes, in ms. */
async function echo(socket) {
  const begun = performance.now();
  socket.send("hello");
  await once(socket, "message");
  return performance.now() - begun;
}

test("the list that it passes on names it in place of the servers, and can be unreachable", async () => {
  assert.deepEqual(
    (await list()).servers.map(({ url }) => url),
    proxy.urls,
  );
  const { servers } = await fleet.state();
  for (const { url } of servers) assert.ok(!proxy.urls.includes(url));
  await fleet.tellList({ mode: "fail", status: 502, retryAfter: 3 });
  const answer = await fetch(proxy.list);
  assert.deepEqual([answer.status, answer.headers.get("retry-after")], [502, "3"]);
  await fleet.tellList({ mode: "ok" });
  await proxy.seed.close();
  await assert.rejects(list());
  await proxy.seed.listen();
  assert.equal((await list()).servers.length, 2);
});

test("a delay is that of each direction, and of no other time", async () => {
  const socket = await connected();
  proxy.delay(100);
  assert.ok((await echo(socket)) >= 199);
  proxy.delay(0);
  assert.ok((await echo(socket)) < 100);
  socket.terminate();
});

test("what a stall holds up arrives when it flows again", async () => {
  const socket = await connected();
  proxy.stall();
  const came = echo(socket);
  assert.equal(await Promise.race([came, pause(200)]), undefined);
  proxy.flow();
  assert.ok((await came) >= 199);
  socket.terminate();
});

test("cut, it resets what is open; refusing, it takes nobody, and those that are there go on", async () => {
  const socket = await connected();
  await proxy.refuse();
  await assert.rejects(connected(), /ECONNREFUSED/);
  await echo(socket);
  const closed = once(socket, "close");
  proxy.cut();
  assert.equal((await closed)[0], 1006);
  await proxy.accept();
  const again = await connected();
  await echo(again);
  again.terminate();
});

test("garbage ends a connection", async () => {
  const socket = await connected();
  const failed = once(socket, "error");
  proxy.inject(Buffer.alloc(3, 0xff));
  assert.match(String(await failed), /RangeError|Invalid WebSocket frame/);
});
