// What arrives, and binaryType.

import { described, outcome } from "../scene.js";

const MIB = 1024 * 1024;

/** The classes of the data of as many binary messages as there are values, each received under one of them. */
async function receivedUnder(scene, all) {
  const socket = await scene.open();
  const facts = {};
  for (const [name, type] of Object.entries(all)) {
    socket.binaryType = "blob";
    const refused = outcome(() => {
      socket.binaryType = type;
    });
    const heard = scene.hear(socket, 1);
    socket.send(Uint8Array.of(1));
    facts[name] = [refused, socket.binaryType, ...(await heard)];
  }
  return facts;
}

export const receiving = {
  "binaryType takes what the standard has": (scene) =>
    receivedUnder(scene, {
      blob: "blob",
      arraybuffer: "arraybuffer",
      "another text": "nodebuffer",
      "in capitals": "ArrayBuffer",
      empty: "",
      null: null,
      undefined: undefined,
      "a number": 1,
      "a String object": new String("arraybuffer"),
      "an object with toString": { toString: () => "arraybuffer" },
      "a Symbol": Symbol("arraybuffer"),
    }),

  "binaryType can be set in every state": async (scene) => {
    const socket = scene.make(scene.url());
    const types = [];
    const toggle = () => {
      socket.binaryType = socket.binaryType === "blob" ? "arraybuffer" : "blob";
      types.push(socket.binaryType);
    };
    toggle();
    await scene.next(socket, "open");
    types.push(socket.binaryType);
    const heard = scene.hear(socket, 1);
    socket.send(Uint8Array.of(1));
    types.push(...(await heard));
    toggle();
    socket.close();
    toggle();
    await scene.next(socket, "close");
    types.push(socket.binaryType);
    toggle();
    return { types };
  },

  "binaryType changed between messages, by the first one's listener": async (scene) => {
    const socket = scene.make(
      scene.url({
        steps: [
          ["binary", [1]],
          ["pause", 50],
          ["binary", [2]],
          ["pause", 50],
          ["binary", [3]],
        ],
      }),
    );
    const heard = scene.hear(socket, 3);
    socket.addEventListener("message", () => {
      socket.binaryType = socket.binaryType === "blob" ? "arraybuffer" : "blob";
    });
    return { heard: await heard };
  },

  "binaryType does not matter to texts": async (scene) => {
    const socket = await scene.open();
    socket.binaryType = "arraybuffer";
    const heard = scene.hear(socket, 1);
    socket.send("a");
    return { heard: await heard };
  },

  "messages in parts are whole": async (scene) => {
    const socket = scene.make(scene.url({ steps: [["fragments", ["grü", "ß ", "🚢"]]] }));
    return { heard: await scene.hear(socket, 1) };
  },

  "messages in parts, cut within a character": async (scene) => {
    const steps = [
      ["raw", [0x01, 0x01, 0xc3]],
      ["raw", [0x89, 0x00]],
      ["raw", [0x80, 0x01, 0xa9]],
    ];
    const socket = scene.make(scene.url({ steps }));
    return { heard: await scene.hear(socket, 1) };
  },

  "empty messages": async (scene) => {
    const socket = scene.make(
      scene.url({
        steps: [
          ["text", ""],
          ["binary", []],
          ["fragments", ["", ""]],
        ],
      }),
    );
    return { heard: await scene.hear(socket, 3) };
  },

  "pings are not seen": async (scene) => {
    const socket = scene.make(scene.url({ steps: [["ping"], ["text", "a"], ["ping"], ["text", "b"]] }));
    return { heard: await scene.hear(socket, 2) };
  },

  "large messages": async (scene) => {
    const facts = {};
    for (const [kind, size] of [
      ["text", 16 * MIB],
      ["binary", MIB],
    ]) {
      const socket = scene.make(scene.url({ steps: [["large", kind, size]] }));
      const { data } = await scene.next(socket, "message");
      facts[kind] = await described(data);
      socket.close();
    }
    return facts;
  },

  "compressed messages": async (scene) => {
    const socket = await scene.open({ deflate: true });
    const heard = scene.hear(socket, 2);
    socket.send("a".repeat(50_000));
    socket.send("b");
    return { extensions: socket.extensions, heard: await heard };
  },
};
