// The installed package's `createWebSocketClass`, in Node, against real servers.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { join } from "node:path";
import { after, afterEach, before, describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { WebSocket, WebSocketServer } from "ws";
import { install } from "../support/package.mjs";

let installed;
let createWebSocketClass;
before(async () => {
  installed = await install();
  const dist = join(installed.folder, "node_modules/evenkeel/dist");
  ({ createWebSocketClass } = await import(pathToFileURL(join(dist, "index.js"))));
});
after(() => installed?.remove());

const servers = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop();
});

/** A server that echoes, and remembers what it was asked for. `refuses`: with HTTP 503. */
async function echo(id, { path = "", refuses = false } = {}) {
  const http = createServer((_, response) => response.writeHead(404).end());
  const sockets = new WebSocketServer({ noServer: true, handleProtocols: (names) => [...names].at(-1) });
  const made = { id, asked: [], refuses };
  http.on("upgrade", (request, socket, head) => {
    made.asked.push(request.url);
    if (made.refuses) socket.end("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n");
    else
      sockets.handleUpgrade(request, socket, head, (ws) => {
        ws.on("message", (data, isBinary) => ws.send(data, { binary: isBinary }));
        ws.on("close", (code, reason) => {
          made.closed = [code, `${reason}`];
        });
      });
  });
  await once(http.listen(0, "127.0.0.1"), "listening");
  made.url = `ws://127.0.0.1:${http.address().port}${path}`;
  made.end = (code) => {
    for (const socket of sockets.clients) socket.close(code);
  };
  made.connections = () => sockets.clients.size;
  made.stop = async () => {
    for (const socket of sockets.clients) socket.terminate();
    http.closeAllConnections();
    await new Promise((resolve) => http.close(resolve));
  };
  servers.push(made);
  return made;
}

const listOf = (...servers) => ({ servers: servers.map(({ id, url }) => ({ id, url, users: 10, capacity: 100 })) });

const make = (source, options) => createWebSocketClass(source, { WebSocket, ...options });

/** What a socket's listeners hear, in order. */
function record(socket) {
  const heard = [];
  for (const type of ["open", "message", "error", "close"])
    socket.addEventListener(type, (event) => heard.push([type, event.data ?? event.code]));
  return heard;
}

const next = (socket, type) => once(socket, type).then(([event]) => event);
const opened = async (socket) => {
  await next(socket, "open");
  return socket;
};
const ended = (socket) => next(socket, "close");

describe("one connection", () => {
  test("goes where the chosen server is, with path and query of what was asked for, and really closes", async () => {
    const server = await echo("a", { path: "/prefix/" });
    const Chosen = make(listOf(server));
    const socket = new Chosen("wss://any.example/room/7?token=t", ["v1", "v2"]);
    const heard = record(socket);
    assert.equal(socket.readyState, Chosen.CONNECTING);
    assert.equal(socket.url, "wss://any.example/room/7?token=t");
    assert.throws(() => socket.send("early"), { name: "InvalidStateError" });
    await opened(socket);
    assert.deepEqual(server.asked, ["/prefix/room/7?token=t"]);
    assert.equal(socket.url, `${server.url}room/7?token=t`);
    assert.equal(socket.protocol, "v2");
    assert.equal(socket.server.id, "a");
    socket.send("hello");
    await next(socket, "message");
    assert.throws(() => socket.close(1001), { name: "InvalidAccessError" });
    socket.close(4001, "enough");
    assert.equal(socket.readyState, Chosen.CLOSING);
    const { code, reason, wasClean } = await ended(socket);
    assert.deepEqual([code, reason, wasClean], [4001, "enough", true]);
    assert.equal(socket.readyState, Chosen.CLOSED);
    assert.deepEqual(heard, [
      ["open", undefined],
      ["message", "hello"],
      ["close", 4001],
    ]);
    await pause(200);
    assert.deepEqual([server.asked.length, server.connections(), server.closed], [1, 0, [4001, "enough"]]);
    socket.reconnect?.();
    await pause(100);
    assert.equal(server.asked.length, 1);
  });

  test("ends with its server's code, and does not come back", async () => {
    const server = await echo("a");
    const socket = await opened(new (make(listOf(server)))("ws://any.example/"));
    const heard = record(socket);
    server.end(1012);
    assert.equal((await ended(socket)).code, 1012);
    await pause(200);
    assert.deepEqual(heard, [["close", 1012]]);
    assert.deepEqual(server.asked, ["/"]);
  });

  test("goes with both queries where the server's URL has one too, and to its path alone where none is asked for", async () => {
    const server = await echo("a", { path: "/ws?region=eu" });
    const Chosen = make(listOf(server));
    await opened(new Chosen("ws://any.example/?x=1"));
    await opened(new Chosen("http://any.example/deep"));
    assert.deepEqual(server.asked, ["/ws?region=eu&x=1", "/ws/deep?region=eu"]);
  });

  test("goes where the option url says, which may take its time; what it throws is no server's fault", async () => {
    const server = await echo("a");
    const asked = [];
    const Chosen = make(listOf(server), {
      url: async ({ id, url }, requested) => {
        asked.push([id, requested.pathname]);
        if (requested.pathname === "/bad") throw new Error("no token");
        return new URL(`/mine?for=${requested.pathname.slice(1)}`, url);
      },
    });
    await opened(new Chosen("ws://any.example/room"));
    const failing = new Chosen("ws://any.example/bad");
    const heard = record(failing);
    const [{ error }] = await Promise.all([next(failing, "error"), ended(failing)]);
    assert.equal(error.code, "credentials-failed");
    assert.match(error.message, /no token/);
    assert.deepEqual(heard, [
      ["error", undefined],
      ["close", 1006],
    ]);
    await opened(new Chosen("ws://any.example/again"));
    assert.deepEqual(server.asked, ["/mine?for=room", "/mine?for=again"]);
    assert.deepEqual(asked.at(0), ["a", "/room"]);
  });

  test("that is closed before it stands never stands", async () => {
    const server = await echo("a");
    const Chosen = make(listOf(server));
    for (const wait of [0, 1, 5, 20]) {
      const socket = new Chosen("ws://any.example/");
      const heard = record(socket);
      if (wait) await pause(wait);
      if (socket.readyState !== Chosen.CONNECTING) {
        socket.close();
        continue;
      }
      socket.close();
      assert.deepEqual(heard, []);
      assert.equal((await ended(socket)).code, 1006);
      assert.deepEqual(heard, [
        ["error", undefined],
        ["close", 1006],
      ]);
    }
    await pause(100);
    assert.equal(server.connections(), 0);
  });

  test("is refused its arguments as by the browser", () => {
    const Chosen = make(["ws://127.0.0.1:1/"]);
    assert.throws(() => new Chosen("mailto:a@example.com"), { name: "SyntaxError" });
    assert.throws(() => new Chosen("ws://any.example/", ["a", "a"]), { name: "SyntaxError" });
  });
});

describe("all of a class", () => {
  test("share one list, and what they learn of servers", async () => {
    const [good, bad] = [await echo("good"), await echo("bad", { refuses: true })];
    let requests = 0;
    const Chosen = make(() => {
      requests += 1;
      return listOf(good, bad);
    });
    const sockets = Array.from({ length: 20 }, () => new Chosen("ws://any.example/"));
    const outcomes = await Promise.all(
      sockets.map((socket) => Promise.race([next(socket, "open"), ended(socket)]).then(({ type }) => type)),
    );
    const refused = outcomes.filter((type) => type === "close").length;
    assert.ok(refused > 0 && refused < 20, `${refused} of 20 refused`);
    assert.equal(bad.asked.length, refused);
    for (let i = 0; i < 10; i += 1) await opened(new Chosen("ws://any.example/"));
    assert.equal(bad.asked.length, refused);
    assert.equal(requests, 1);
    const [known] = sockets.map((socket) => socket.servers.find(({ id }) => id === "bad"));
    assert.match(known.excluded, /ejected|lost/);
    assert.equal(sockets.find(({ server }) => server).snapshot().server, "good");
  });

  test("leave a server alone whose socket cannot even be made", async () => {
    const [good, bad] = [await echo("good"), await echo("bad")];
    let refused = 0;
    class Picky extends WebSocket {
      constructor(url, ...rest) {
        if (`${url}`.startsWith(bad.url)) {
          refused += 1;
          throw new Error("not there");
        }
        super(url, ...rest);
      }
    }
    const Chosen = make(listOf(good, bad), { WebSocket: Picky });
    const errors = [];
    for (let made = 0; made < 30; made += 1) {
      const socket = new Chosen("ws://any.example/");
      socket.onerror = ({ error }) => errors.push(error.code);
      await Promise.race([next(socket, "open"), ended(socket)]);
    }
    assert.equal(refused, 1);
    assert.deepEqual(errors, ["socket-failed"]);
  });

  test("discard what is sent to a connection that is closing unnoticed, as the browser does", async () => {
    const server = await echo("a");
    const sockets = [];
    class Kept extends WebSocket {
      constructor(...given) {
        super(...given);
        sockets.push(this);
      }
    }
    const socket = await opened(new (make(listOf(server), { WebSocket: Kept }))("ws://any.example/"));
    sockets[0].close();
    assert.equal(sockets[0].readyState, WebSocket.CLOSING);
    const before = socket.bufferedAmount;
    socket.send("x".repeat(3_000_000));
    assert.equal(socket.bufferedAmount - before, 3_000_000);
    await ended(socket);
  });

  test("of one key meet on one server, those of many on all", async () => {
    const all = [await echo("a"), await echo("b"), await echo("c")];
    const affinity = (requested) => requested.pathname;
    const places = new Set();
    for (const room of ["/red", "/green", "/blue", "/white", "/black", "/grey"]) {
      const met = new Set();
      for (let client = 0; client < 4; client += 1) {
        const Chosen = make(listOf(...all), { affinity });
        met.add((await opened(new Chosen(`ws://any.example${room}`))).server.id);
      }
      assert.equal(met.size, 1, room);
      places.add(...met);
    }
    assert.ok(places.size > 1);
  });

  test("end within the connect timeout where no list is to be had, and none is left waiting", async () => {
    const hanging = make(() => new Promise(() => {}), { connectTimeout: 300 });
    const unavailable = make({ servers: [{ url: "ws://127.0.0.1:1/", available: false }] });
    for (const Chosen of [hanging, unavailable]) {
      const socket = new Chosen("ws://any.example/");
      const heard = record(socket);
      const before = performance.now();
      assert.equal((await ended(socket)).code, 1006);
      assert.ok(performance.now() - before < 5_000);
      assert.deepEqual(heard, [
        ["error", undefined],
        ["close", 1006],
      ]);
    }
  });

  test("are not made with options that have no meaning for them, or with a source that is none", () => {
    for (const options of [
      { prepare() {} },
      { linger: 1 },
      { queueBytes: 1 },
      { affinity: 3 },
      { url: "ws://x/" },
      { nope: 1 },
      { allow: ["https://a.example/"] },
      { fallback: "https://a.example/" },
    ])
      assert.throws(() => make("https://seed.example/", options), { code: "bad-option" });
    assert.throws(() => make({ url: 1 }.nope), { code: "bad-source" });
    assert.throws(() => make("nonsense:"), { name: "SyntaxError" });
  });
});
