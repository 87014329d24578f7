// Attempts that come to nothing, connections that break, and servers that do not keep to the protocol.

import { later } from "../scene.js";

/** What is seen of a connection that the server treats like this. */
const lifeWith = async (scene, ask, ...protocols) => scene.life(scene.record(scene.make(scene.url(ask), ...protocols)));

export const failing = {
  "nobody listens": async (scene) => scene.life(scene.record(scene.make(scene.nobody))),

  "a port that browsers do not connect to": async (scene) => {
    const record = scene.record(scene.make("ws://127.0.0.1:22/"));
    // One of the engines never comes to a close event.
    await Promise.race([record.closed, later(500)]);
    return { "the events": record.kinds };
  },

  "the handshake is refused": (scene) => lifeWith(scene, { status: 403 }),

  "the handshake is answered as if it were a page": (scene) => lifeWith(scene, { status: 200 }),

  "the server chooses a subprotocol that was not offered": (scene) => lifeWith(scene, { protocol: "c" }, ["a", "b"]),

  "the server chooses a subprotocol where none was offered": (scene) =>
    lifeWith(scene, {
      protocol: "c",
      steps: [
        ["pause", 50],
        ["close", 1000],
      ],
    }),

  "the server chooses none of those offered": (scene) =>
    lifeWith(
      scene,
      {
        protocol: null,
        steps: [
          ["pause", 50],
          ["close", 1000],
        ],
      },
      ["a", "b"],
    ),

  "the connection breaks": (scene) => lifeWith(scene, { steps: [["pause", 50], ["drop"]] }),

  "the server sets a bit that is reserved": (scene) =>
    lifeWith(scene, {
      steps: [
        ["pause", 50],
        ["raw", [0xf1, 0x01, 0x61]],
      ],
    }),

  "the server sends a text that is no UTF-8": (scene) =>
    lifeWith(scene, {
      steps: [
        ["pause", 50],
        ["raw", [0x81, 0x02, 0xc3, 0x28]],
      ],
    }),

  "the server sends a frame of an unknown kind": (scene) =>
    lifeWith(scene, {
      steps: [
        ["pause", 50],
        ["raw", [0x83, 0x00]],
      ],
    }),

  "the server sends a ping that is too long": (scene) =>
    lifeWith(scene, {
      steps: [
        ["pause", 50],
        ["raw", [0x89, 0x7e, 0x00, 0x7e, ...new Array(126).fill(0)]],
      ],
    }),
};
