// bufferedAmount: the bytes that were given to send() and are not yet with the network, or never will be.

import { later } from "../scene.js";

const MUCH = 2 * 1024 * 1024;

/** What it grows by with each of these, sent in one task. */
function growth(socket, all) {
  const facts = {};
  for (const [name, data] of Object.entries(all)) {
    const before = socket.bufferedAmount;
    socket.send(data);
    facts[name] = socket.bufferedAmount - before;
  }
  return facts;
}

const samples = () => ({
  empty: "",
  text: "abc",
  "two bytes a character": "é",
  "four bytes a character": "🚢",
  "a lone surrogate": "\ud800",
  buffer: new ArrayBuffer(5),
  "a part of a buffer": new Uint8Array(new ArrayBuffer(8), 2, 3),
  "16 bits": new Uint16Array(2),
  blob: new Blob(["12345"]),
  null: null,
});

/** Waits until it is 0. */
async function drained(socket) {
  while (socket.bufferedAmount > 0) await later(5);
}

export const buffered = {
  "it grows by the bytes of each message": async (scene) => {
    const socket = await scene.open({ mute: true });
    const before = socket.bufferedAmount;
    return { before, ...growth(socket, samples()) };
  },

  "it stays as it is within a task, and is 0 in the end": async (scene) => {
    const socket = await scene.open({ mute: true });
    socket.send("abc");
    const end = performance.now() + 50;
    while (performance.now() < end);
    const still = socket.bufferedAmount;
    await Promise.resolve();
    const afterMicrotask = socket.bufferedAmount;
    await drained(socket);
    return { still, afterMicrotask, "in the end": socket.bufferedAmount };
  },

  "it does not include what has come back": async (scene) => {
    const socket = await scene.open();
    const heard = scene.hear(socket, 1);
    socket.send("x".repeat(1000));
    await heard;
    return { bufferedAmount: socket.bufferedAmount };
  },

  "it grows while closing": async (scene) => {
    const socket = await scene.open();
    socket.close();
    return growth(socket, samples());
  },

  "it grows after the end, and is never 0 again": async (scene) => {
    const socket = await scene.open();
    socket.close();
    await scene.next(socket, "close");
    const before = socket.bufferedAmount;
    const grown = growth(socket, samples());
    await later(50);
    return { before, ...grown, "and stays": socket.bufferedAmount };
  },

  "what was sent while closing is still counted after the end": async (scene) => {
    const socket = await scene.open();
    socket.close();
    socket.send("abc");
    await scene.next(socket, "close");
    return { bufferedAmount: socket.bufferedAmount };
  },

  "much is sent, then closed: all of it arrives": async (scene) => {
    const socket = await scene.open({ mute: true });
    socket.send(new Uint8Array(MUCH));
    const sent = socket.bufferedAmount;
    socket.close();
    const closing = socket.bufferedAmount;
    const { wasClean } = await scene.next(socket, "close");
    return { sent, closing, wasClean, closed: socket.bufferedAmount };
  },

  "in an open listener": async (scene) => {
    const socket = scene.make(scene.url({ mute: true }));
    return new Promise((resolve) => {
      socket.onopen = () => {
        const before = socket.bufferedAmount;
        socket.send("abc");
        resolve({ before, after: socket.bufferedAmount });
      };
    });
  },

  "where the attempt failed": async (scene) => {
    const socket = scene.make(scene.nobody);
    await scene.next(socket, "error");
    return { bufferedAmount: socket.bufferedAmount };
  },
};
