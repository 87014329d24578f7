// The seed of docs/serving-a-list.md and the servers that report to it, as their readers would run them.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { WebSocket } from "ws";
import { BalancedWebSocket } from "../../dist/index.js";
import { freePort } from "../support/environment.mjs";
import { blocks } from "./blocks.mjs";
import * as lists from "./lists.mjs";
import { makeFolder, start, until } from "./programs.mjs";

const SECRET = "a secret";

let folder;
let url;
const running = [];
const servers = {};
before(async () => {
  const found = (await blocks("docs/serving-a-list.md")).filter(({ heading }) => heading === "A seed of your own");
  const [seed, server] = found.map(({ code }) => code);
  folder = await makeFolder();
  const port = await freePort();
  url = `http://127.0.0.1:${port}/servers`;
  running.push(start(await folder.write("seed.mjs", seed), { PORT: port, SECRET }));
  const file = await folder.write("server.mjs", server);
  for (const ID of ["one", "two"]) {
    servers[ID] = start(file, { SEED: url, SECRET, ID, PORT: await freePort() });
    running.push(servers[ID]);
  }
});
after(async () => {
  await Promise.all(running.map((program) => program.signal("SIGKILL")));
  await folder?.remove();
});

const ask = (headers = {}) => fetch(url, { headers }).catch(() => undefined);
const list = async () => (await ask())?.json();
const listed = async (id) => (await list())?.servers.find((server) => server.id === id);

test("it lists what the servers report, for pages of any origin, and answers 304 while nothing changes", async () => {
  await until(async () => (await list())?.servers.length === 2, "both servers");
  const answer = await ask();
  await lists.check(await answer.clone().text());
  assert.equal(answer.headers.get("access-control-allow-origin"), "*");
  assert.match(answer.headers.get("access-control-expose-headers"), /Age.*ETag.*Retry-After/);
  assert.equal((await ask({ "if-none-match": answer.headers.get("etag") })).status, 304);
});

test("nobody writes the list without the secret", async () => {
  const body = JSON.stringify({ id: "evil", url: "wss://evil.example/" });
  assert.equal((await fetch(url, { method: "POST", body })).status, 403);
  const headers = { authorization: `Bearer ${SECRET}` };
  assert.equal((await fetch(url, { method: "POST", body: "no JSON", headers })).status, 400);
  assert.equal(await listed("evil"), undefined);
});

test("a client's server counts it, drains, is left without a gap and stops; the other one dies, and is listed as dead", async () => {
  const socket = new BalancedWebSocket(url, [], { WebSocket });
  const kinds = [];
  for (const kind of ["open", "close", "error"])
    socket.addEventListener(kind, ({ moved }) => kinds.push(moved ? "moved" : kind));
  const echoes = [];
  socket.addEventListener("message", ({ data }) => echoes.push(data));
  try {
    await until(() => socket.readyState === 1, "the connection");
    socket.send("hello");
    await until(() => echoes.includes("hello"), "the echo");
    const first = socket.server.id;
    const other = first === "one" ? "two" : "one";
    await until(async () => (await listed(first)).users === 1, "the count");

    const stopped = servers[first].signal("SIGTERM");
    await until(async () => (await listed(first)).draining, "the draining server's report");
    socket.refresh();
    await until(() => socket.snapshot().leaving === "drain", "the client's decision to leave");
    // It would within 30 s.
    socket.migrate();
    await until(() => socket.server?.id === other && socket.readyState === 1, "the move");
    assert.deepEqual(kinds, ["open", "moved", "open"]);
    assert.equal(await stopped, 0);

    socket.close();
    await servers[other].signal("SIGKILL");
    const gone = await until(async () => {
      const entry = await listed(other);
      return entry.available === false && entry;
    }, "the death in the list");
    assert.equal(typeof gone.users, "number");
  } finally {
    socket.close();
  }
});
