// Every way to be closed, and close() with everything it may be given.

import { later, outcome, outcomes } from "../scene.js";

/** Calls close() with each of these, on a socket of its own that is connecting. */
const closedWith = (scene, all) =>
  outcomes(
    Object.fromEntries(
      Object.entries(all).map(([name, given]) => {
        const socket = scene.make(scene.url());
        return [name, () => [socket.close(...given), socket.readyState].join(" ")];
      }),
    ),
  );

/** What each side sees of a close() with these arguments. */
async function farewell(scene, ...given) {
  const key = scene.key();
  const socket = await scene.open({ key });
  const closed = scene.next(socket, "close");
  socket.close(...given);
  const { code, reason, wasClean } = await closed;
  const seen = await scene.seen(key);
  return { us: [code, reason, wasClean], server: [seen.code, seen.reason] };
}

/** The life of a connection that the server ends in this way. */
async function ended(scene, ...steps) {
  const record = scene.record(scene.make(scene.url({ steps })));
  return scene.life(record);
}

export const closing = {
  "close codes that are allowed, or not": (scene) =>
    closedWith(
      scene,
      Object.fromEntries(
        [0, 1, 999, 1000, 1001, 1005, 1006, 1011, 1015, 2999, 3000, 3999, 4000, 4999, 5000, 65535, 66536, -1].map(
          (code) => [code, [code]],
        ),
      ),
    ),

  "close codes that are no integers": (scene) =>
    closedWith(scene, {
      undefined: [undefined],
      null: [null],
      NaN: [Number.NaN],
      Infinity: [Number.POSITIVE_INFINITY],
      "a text": ["3001"],
      "a text that is no number": ["now"],
      2999.5: [2999.5],
      3000.5: [3000.5],
      4999.5: [4999.5],
      999.5: [999.5],
      1000.4: [1000.4],
      1000.5: [1000.5],
      true: [true],
      "an object": [{}],
      "an object with valueOf": [{ valueOf: () => 3001 }],
      "a Symbol": [Symbol("a")],
      "a BigInt": [1000n],
    }),

  "a fraction of a code is rounded": async (scene) => ({
    3000.5: (await farewell(scene, 3000.5)).server[0],
    3001.5: (await farewell(scene, 3001.5)).server[0],
    3001.4: (await farewell(scene, 3001.4)).server[0],
  }),

  "close reasons that are allowed, or not": (scene) =>
    closedWith(scene, {
      "123 bytes": [1000, "x".repeat(123)],
      "124 bytes": [1000, "x".repeat(124)],
      "122 bytes in 61 characters": [1000, "é".repeat(61)],
      "124 bytes in 62 characters": [1000, "é".repeat(62)],
      "41 lone surrogates": [1000, "\ud800".repeat(41)],
      "42 lone surrogates": [1000, "\ud800".repeat(42)],
      "124 bytes without a code": [undefined, "x".repeat(124)],
      "a Symbol": [1000, Symbol("a")],
    }),

  "arguments of close() are converted before they are checked": (scene) =>
    closedWith(scene, {
      "a bad code and a Symbol": [1, Symbol("a")],
      "a bad code and a long reason": [1, "x".repeat(124)],
    }),

  "what close() refuses is refused by a DOMException": (scene) => {
    const socket = scene.make(scene.url());
    const facts = {};
    for (const [name, given] of Object.entries({ code: [1001], reason: [1000, "x".repeat(124)] })) {
      try {
        socket.close(...given);
      } catch (error) {
        facts[name] = [error.constructor.name, error.name, error.code, error.message !== "", socket.readyState];
      }
    }
    return facts;
  },

  "code and reason reach the server, and come back": async (scene) => ({
    none: await farewell(scene),
    1000: await farewell(scene, 1000),
    3001: await farewell(scene, 3001),
    "3001 and a reason": await farewell(scene, 3001, "grüß 🚢"),
    "a reason of 123 bytes": await farewell(scene, 4999, "x".repeat(123)),
    "an empty reason": await farewell(scene, 3002, ""),
    "null as a reason": await farewell(scene, 3003, null),
    "undefined as a reason": await farewell(scene, 3003, undefined),
    "a lone surrogate": await farewell(scene, 3004, "a\ud800"),
  }),

  "a reason alone": async (scene) => {
    const socket = await scene.open();
    return outcomes({ "of 3 bytes": () => socket.close(undefined, "why") });
  },

  "close() while connecting": async (scene) => {
    const socket = scene.make(scene.url());
    const record = scene.record(socket);
    const returned = outcome(() => socket.close(3001, "never mind"));
    const states = [socket.readyState];
    const life = await scene.life(record);
    return { ...life, returned, "readyState after close()": states[0], "at last": socket.readyState };
  },

  "close() while connecting, when that has taken a while": async (scene) => {
    const socket = scene.make(scene.url({ hang: true }));
    const record = scene.record(socket);
    await later(200);
    socket.close();
    const state = socket.readyState;
    return { ...(await scene.life(record)), "readyState after close()": state };
  },

  "close() while connecting: its events come in a later task": async (scene) => {
    const socket = scene.make(scene.url());
    const log = [];
    for (const kind of ["error", "close"]) socket.addEventListener(kind, () => log.push(kind));
    const closed = scene.next(socket, "close");
    socket.close();
    log.push("the caller is done");
    await Promise.resolve();
    log.push("a microtask is done");
    await closed;
    return { log };
  },

  "close() twice, with another code": async (scene) => {
    const key = scene.key();
    const socket = await scene.open({ key });
    const record = scene.record(socket);
    socket.close(3001, "first");
    const second = outcome(() => socket.close(3002, "second"));
    const bad = outcome(() => socket.close(1001));
    const { code, reason } = await scene.seen(key);
    return { ...(await scene.life(record)), second, "a bad one": bad, "the server saw": [code, reason] };
  },

  "close() after the end": async (scene) => {
    const socket = await scene.open();
    socket.close();
    await scene.next(socket, "close");
    const record = scene.record(socket);
    const facts = outcomes({
      "close()": () => socket.close(),
      "close(3001)": () => socket.close(3001),
      "close(1001)": () => socket.close(1001),
    });
    await later(100);
    return { ...facts, events: record.kinds, readyState: socket.readyState };
  },

  "close() in each listener": async (scene) => {
    const facts = {};
    for (const kind of ["open", "message", "close"]) {
      const socket = scene.make(
        scene.url({
          steps: [
            ["text", "a"],
            ["text", "b"],
            ["pause", 50],
            ["close", 1000],
          ],
        }),
      );
      const record = scene.record(socket);
      socket.addEventListener(kind, () => socket.close(3001));
      const { "the events": events, readyState, "code, reason, wasClean": farewell } = await scene.life(record);
      facts[kind] = { events, readyState, code: farewell.code };
    }
    return facts;
  },

  "close() in an error listener": async (scene) => {
    const socket = scene.make(scene.nobody);
    const record = scene.record(socket);
    const all = [];
    for (const kind of ["error", "close"]) socket.addEventListener(kind, () => all.push(kind));
    socket.addEventListener("error", () => socket.close(3001));
    const life = await scene.life(record);
    await later(200);
    return { ...life, "all events": all, "at last": socket.readyState };
  },

  "what arrives after close() is not told": async (scene) => {
    const socket = scene.make(
      scene.url({
        steps: [
          ["text", "a"],
          ["text", "b"],
        ],
      }),
    );
    const record = scene.record(socket);
    await scene.next(socket, "open");
    // Both are there before the next task begins.
    const end = performance.now() + 100;
    while (performance.now() < end);
    socket.close();
    const { "the events": events } = await scene.life(record);
    return { events };
  },

  "all that was sent before a close arrives before it": async (scene) => {
    const key = scene.key();
    const socket = await scene.open({ key, mute: true });
    for (let number = 0; number < 20; number += 1) socket.send(String(number));
    socket.send(new Blob(["last"]));
    socket.close();
    const { messages } = await scene.seen(key);
    return { messages };
  },

  "the server closes with a code": async (scene) => {
    const facts = {};
    for (const code of [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 4999]) {
      const { "the events": events, "code, reason, wasClean": farewell } = await ended(scene, ["close", code, "why"]);
      facts[code] = [...events, ...Object.values(farewell)].join(" ");
    }
    return facts;
  },

  "the server closes for good": (scene) => ended(scene, ["close", 1000, "done"]),

  "the server closes and may be back": (scene) => ended(scene, ["close", 1001, "away"]),

  "the server closes without a code": (scene) => ended(scene, ["close"]),

  "the server closes with a reason of 123 bytes": async (scene) => {
    const { "code, reason, wasClean": farewell } = await ended(scene, ["close", 4000, "é".repeat(61)]);
    return { reason: farewell.reason };
  },

  "the server closes in the same breath as it sends": async (scene) => {
    const record = scene.record(
      scene.make(
        scene.url({
          steps: [
            ["text", "a"],
            ["text", "b"],
            ["close", 1000],
          ],
        }),
      ),
    );
    return { ...(await scene.life(record)), messages: record.messages };
  },
};
