// What follows what, while all goes well.

import { later } from "../scene.js";

export const living = {
  "opened, and closed by us": async (scene) => {
    const key = scene.key();
    const socket = scene.make(scene.url({ key }));
    const record = scene.record(socket);
    await scene.next(socket, "open");
    socket.close();
    const states = [socket.readyState];
    const life = await scene.life(record);
    states.push(socket.readyState);
    const { code, reason } = await scene.seen(key);
    return { ...life, "readyState after close()": states[0], "at last": states[1], "the server saw": { code, reason } };
  },

  "messages, and the server's close": async (scene) => {
    const steps = [["text", "one"], ["binary", [2]], ["ping"], ["text", ""], ["close", 1000, "done"]];
    const record = scene.record(scene.make(scene.url({ steps })));
    const life = await scene.life(record);
    return { ...life, count: record.messages.length };
  },

  "a hundred messages keep their order": async (scene) => {
    const socket = await scene.open();
    const heard = scene.hear(socket, 100);
    for (let number = 0; number < 100; number += 1) socket.send(String(number));
    return { heard: (await heard).join() };
  },

  "what it shows before, during and after": async (scene) => {
    const socket = scene.make(scene.url({ protocol: "b", deflate: true }), ["a", "b"]);
    const shown = () => [socket.url && "the server's", socket.protocol, socket.extensions];
    const facts = { before: shown() };
    await scene.next(socket, "open");
    facts.open = shown();
    socket.close();
    facts.closing = shown();
    await scene.next(socket, "close");
    facts.closed = shown();
    return facts;
  },

  "no extension, no subprotocol": async (scene) => {
    const socket = await scene.open();
    return { extensions: socket.extensions, protocol: socket.protocol };
  },

  "readyState in the tasks around an event": async (scene) => {
    const socket = scene.make(scene.url());
    const states = [];
    socket.addEventListener("open", () => {
      states.push(socket.readyState);
      queueMicrotask(() => states.push(socket.readyState));
    });
    await scene.next(socket, "open");
    await later();
    states.push(socket.readyState);
    return { states };
  },

  "microtasks run between two messages": async (scene) => {
    const socket = scene.make(
      scene.url({
        steps: [
          ["text", "1"],
          ["text", "2"],
        ],
      }),
    );
    const log = [];
    const heard = scene.hear(socket, 2);
    socket.addEventListener("message", ({ data }) => {
      log.push(data);
      queueMicrotask(() => log.push(`after ${data}`));
    });
    await heard;
    await later();
    return { log };
  },

  "microtasks and the listeners of one event": async (scene) => {
    const socket = scene.make(scene.url({ steps: [["text", "1"]] }));
    const log = [];
    const heard = scene.hear(socket, 1);
    socket.addEventListener("message", () => {
      log.push("first");
      queueMicrotask(() => log.push("microtask"));
    });
    socket.addEventListener("message", () => log.push("second"));
    await heard;
    await later();
    return { log };
  },

  "microtasks between error and close": async (scene) => {
    const socket = scene.make(scene.nobody);
    const log = [];
    const closed = scene.next(socket, "close");
    socket.addEventListener("error", () => {
      log.push("error");
      queueMicrotask(() => log.push("microtask"));
    });
    socket.addEventListener("close", () => log.push("close"), { once: true });
    await closed;
    await later();
    return { log: log.slice(0, 3) };
  },

  "after a connection is lost": async (scene) => {
    const steps = [["pause", 50], ["drop"]];
    const socket = await scene.open({ steps });
    await scene.next(socket, "close");
    const again = new Promise((resolve) => socket.addEventListener("open", () => resolve("another one opens")));
    return { afterwards: await Promise.race([again, later(2_000).then(() => "nothing")]) };
  },

  "after the server has said that all is done": async (scene) => {
    const socket = await scene.open({ steps: [["close", 1000]] });
    await scene.next(socket, "close");
    const heard = new Promise((resolve) => {
      for (const kind of ["open", "message", "error", "close"]) {
        socket.addEventListener(kind, () => resolve(kind));
      }
    });
    return { afterwards: await Promise.race([heard, later(300).then(() => "nothing")]), readyState: socket.readyState };
  },
};
