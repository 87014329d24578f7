// A class whose instances choose once, where its core does not load; with the real one it is tested in `tests/package`.
import assert from "node:assert/strict";
import { test } from "node:test";
import { makeClass } from "../../dist/class.js";
import { EvenkeelError } from "../../dist/errors.js";
import { settled, Wire } from "./rig.mjs";

test("where the core does not load, all who wait are told, and the next one tries again", async () => {
  let loads = 0;
  const load = async () => {
    loads += 1;
    throw new EvenkeelError("wasm-unavailable");
  };
  const Chosen = makeClass(load, "ws://a.example/", { WebSocket: Wire });
  const heard = [];
  const open = () => {
    const socket = new Chosen("ws://any.example/");
    socket.onerror = ({ error }) => heard.push(error.code);
    socket.onclose = ({ code }) => heard.push(code);
  };
  open();
  open();
  await settled();
  assert.deepEqual(heard.splice(0), ["wasm-unavailable", 1006, "wasm-unavailable", 1006]);
  assert.equal(loads, 1);
  open();
  await settled();
  assert.deepEqual(heard, ["wasm-unavailable", 1006]);
  assert.equal(loads, 2);
});

test("a class can be made where there is no WebSocket, as in server rendering; an instance cannot", () => {
  const Chosen = makeClass(async () => {}, "https://seed.example/");
  assert.equal(Chosen.OPEN, 1);
  if (!globalThis.WebSocket) assert.throws(() => new Chosen("ws://any.example/"), { code: "no-websocket" });
});

test("where an instance is to go is given a URL of its own, and nothing it does to it matters", async () => {
  const Chosen = makeClass(async () => {}, "https://seed.example/", {
    WebSocket: Wire,
    affinity: (requested) => {
      requested.pathname = "/spoilt";
      return "key";
    },
  });
  assert.equal(new Chosen("https://any.example/a").url, "wss://any.example/a");
});

test("one that is closed while it is being dialled hears no more of its socket", async () => {
  const wires = [];
  class Dialled extends Wire {
    constructor(...given) {
      super(...given);
      wires.push(this);
    }
    close() {}
  }
  const { createWebSocketClass } = await import("../../dist/index.js");
  const Chosen = createWebSocketClass(["ws://a.example/"], { WebSocket: Dialled });
  const socket = new Chosen("ws://any.example/");
  const heard = [];
  for (const type of ["open", "error", "close"]) socket.addEventListener(type, ({ type }) => heard.push(type));
  while (!wires.length) await settled();
  const [wire] = wires;
  socket.close();
  assert.deepEqual([wire.onopen, wire.onmessage, wire.onclose], [null, null, null]);
  assert.equal(socket.readyState, 2);
  await new Promise((resolve) => socket.addEventListener("close", resolve));
  assert.deepEqual(heard, ["error", "close"]);
});
