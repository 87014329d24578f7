// What send() takes, and what becomes of it.

import { later, outcome, outcomes } from "../scene.js";

/** Memory that several threads may share, where there is any: pages that are not isolated get it in this way alone. */
function shared() {
  try {
    return new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true }).buffer;
  } catch {
    return undefined;
  }
}

/** A part of it; without any, a view of nothing at all. */
const viewOfShared = () => (shared() ? new Uint8Array(shared(), 0, 2) : new Uint8Array());

const MUCH = 16 * 1024 * 1024;

/** What comes back of each of these; one after the other, so that what is refused is not waited for. */
async function echoes(scene, all) {
  const socket = await scene.open();
  socket.binaryType = "arraybuffer";
  const facts = {};
  for (const [name, data] of Object.entries(all)) {
    const heard = scene.hear(socket, 1);
    // A refusal is all there is to see.
    heard.catch(() => undefined);
    const returned = outcome(() => socket.send(data));
    facts[name] = returned === "undefined" ? (await heard)[0] : returned;
    if (returned !== "undefined") {
      socket.send("");
      await heard;
    }
  }
  return facts;
}

const bytes = (...values) => Uint8Array.from(values);

export const sending = {
  "what is no data is sent as a text": (scene) =>
    echoes(scene, {
      null: null,
      undefined: undefined,
      true: true,
      "a number": 4.5,
      NaN: Number.NaN,
      "-0": -0,
      "a BigInt": 12n,
      "an object": {},
      "an array": [1, [2, 3]],
      "a String object": new String("a"),
      "an object with toString": { toString: () => "mine" },
      "an object with Symbol.toPrimitive": { [Symbol.toPrimitive]: (hint) => hint },
      "a RegExp": /a/g,
      "an Error": new RangeError("a"),
    }),

  "what cannot be a text is refused": (scene) =>
    echoes(scene, {
      "a Symbol": Symbol("a"),
      "an object without a way to be one": Object.create(null),
      "an object whose toString throws": {
        toString() {
          throw new RangeError("mine");
        },
      },
    }),

  "without an argument": async (scene) => {
    const socket = await scene.open();
    const open = outcome(() => socket.send());
    socket.close();
    const closing = outcome(() => socket.send());
    await scene.next(socket, "close");
    return {
      connecting: outcome(() => scene.make(scene.url()).send()),
      open,
      closing,
      closed: outcome(() => socket.send()),
    };
  },

  "what else it is given does not matter": async (scene) => {
    const socket = await scene.open();
    const heard = scene.hear(socket, 1);
    return { returned: outcome(() => socket.send("a", "b", 3)), heard: await heard };
  },

  "texts of every kind": (scene) =>
    echoes(scene, {
      empty: "",
      NUL: "a\0b",
      "two bytes a character": "grüß",
      "four bytes a character": "🚢",
      "a byte order mark": "\ufeffa",
      "line ends": "a\r\nb",
      "not normalised": "e\u0301",
    }),

  "lone surrogates": (scene) =>
    echoes(scene, {
      "a high one": "a\ud800b",
      "a low one": "\udc00",
      "in the wrong order": "\udc00\ud800",
      pair: "\ud83d\ude80",
    }),

  "buffers, arrays and views": (scene) => {
    const buffer = bytes(0, 1, 2, 3, 4, 5, 6, 7).buffer;
    return echoes(scene, {
      ArrayBuffer: buffer,
      "an empty one": new ArrayBuffer(0),
      Uint8Array: bytes(0, 255, 7),
      "a part of a buffer": new Uint8Array(buffer, 2, 3),
      "an empty part": new Uint8Array(buffer, 4, 0),
      Uint8ClampedArray: Uint8ClampedArray.of(1, 300),
      Int16Array: Int16Array.of(-2),
      "a part of 16 bits": new Uint16Array(buffer, 2, 2),
      Float64Array: Float64Array.of(1.5),
      BigInt64Array: BigInt64Array.of(-1n),
      DataView: new DataView(buffer, 1, 2),
    });
  },

  "blobs and files": (scene) =>
    echoes(scene, {
      Blob: new Blob(["a", bytes(1)]),
      "an empty one": new Blob([]),
      "a part": new Blob(["abcdef"]).slice(1, 3),
      File: new File(["f"], "f.txt", { type: "text/plain" }),
    }),

  "shared memory": (scene) => {
    const memory = shared();
    return echoes(scene, { "the memory": memory, "a view of it": viewOfShared() });
  },

  "a buffer that has been transferred": (scene) => {
    const buffer = bytes(1, 2).buffer;
    const view = new Uint8Array(buffer);
    structuredClone(buffer, { transfer: [buffer] });
    return echoes(scene, { buffer, view });
  },

  "buffers of another realm": (scene) => {
    const frame = document.body.appendChild(document.createElement("iframe"));
    const other = frame.contentWindow;
    const view = other.Uint8Array.of(1, 2);
    const all = { view, buffer: view.buffer, blob: new other.Blob(["a"]) };
    return echoes(scene, all).finally(() => frame.remove());
  },

  "what is changed after send() is sent as it was": async (scene) => {
    const socket = await scene.open();
    socket.binaryType = "arraybuffer";
    const heard = scene.hear(socket, 2);
    const view = bytes(1, 2, 3);
    socket.send(view);
    view.fill(9);
    socket.send(view.buffer);
    view.fill(0);
    return { heard: await heard };
  },

  "blobs keep their place among texts": async (scene) => {
    const socket = await scene.open();
    const heard = scene.hear(socket, 4);
    for (const data of ["1", new Blob(["2".repeat(50_000)]), "3", bytes(4)]) socket.send(data);
    return { heard: await heard };
  },

  "large messages": async (scene) => {
    const socket = await scene.open({ digest: true });
    const facts = {};
    for (const [name, data] of Object.entries({
      "a text of 1 MiB": "x".repeat(MUCH / 16),
      "bytes of 16 MiB": new Uint8Array(MUCH).fill(5),
    })) {
      const heard = scene.hear(socket, 1);
      socket.send(data);
      const sent = await crypto.subtle.digest(
        "SHA-256",
        typeof data === "string" ? new TextEncoder().encode(data) : data,
      );
      const hex = Array.from(new Uint8Array(sent), (byte) => byte.toString(16).padStart(2, "0")).join("");
      facts[name] = (await heard)[0] === hex ? "arrives as it was" : "arrives as another";
    }
    return facts;
  },

  "while connecting": async (scene) => {
    const socket = scene.make(scene.url());
    const returned = outcome(() => socket.send("a"));
    const facts = {
      returned,
      "a Symbol": outcome(() => socket.send(Symbol("a"))),
      bufferedAmount: socket.bufferedAmount,
    };
    const heard = scene.hear(socket, 1);
    await scene.next(socket, "open");
    socket.send("b");
    return { ...facts, "first of all arrives": await heard };
  },

  "while connecting, what it cannot take": (scene) => {
    const socket = scene.make(scene.url());
    return outcomes({
      "a view of shared memory": () => socket.send(viewOfShared()),
      "an object whose toString throws": () =>
        socket.send({
          toString() {
            throw new RangeError("mine");
          },
        }),
    });
  },

  "while closing and after it": async (scene) => {
    const key = scene.key();
    const socket = await scene.open({ key });
    socket.close();
    const detached = new ArrayBuffer(2);
    structuredClone(detached, { transfer: [detached] });
    const all = () =>
      outcomes({
        text: () => socket.send("a"),
        bytes: () => socket.send(bytes(1)),
        blob: () => socket.send(new Blob(["a"])),
        "a Symbol": () => socket.send(Symbol("a")),
        "a view of shared memory": () => socket.send(viewOfShared()),
        "a transferred buffer": () => socket.send(detached),
      });
    const closing = all();
    await scene.next(socket, "close");
    const { messages } = await scene.seen(key);
    return { closing, closed: all(), "the server saw": messages };
  },

  "in the open listener": async (scene) => {
    const socket = scene.make(scene.url());
    const heard = scene.hear(socket, 2);
    socket.onopen = () => socket.send("1");
    socket.addEventListener("open", () => socket.send("2"));
    return { heard: await heard };
  },

  "in the message listener": async (scene) => {
    const socket = scene.make(scene.url({ steps: [["text", "1"]] }));
    const heard = scene.hear(socket, 2);
    socket.addEventListener("message", ({ data }) => data === "1" && socket.send("2"));
    return { heard: await heard };
  },

  "in the close listener": async (scene) => {
    const socket = await scene.open({ steps: [["close", 1000]] });
    return new Promise((resolve) => {
      socket.onclose = () => {
        const before = socket.bufferedAmount;
        resolve({ returned: outcome(() => socket.send("abc")), "grows by": socket.bufferedAmount - before });
      };
    });
  },

  "just after the server has gone": async (scene) => {
    const socket = await scene.open({
      steps: [
        ["pause", 20],
        ["close", 1000],
      ],
    });
    const closed = scene.next(socket, "close");
    const end = performance.now() + 200;
    while (performance.now() < end);
    const returned = outcome(() => socket.send("a"));
    await closed;
    await later();
    return { returned };
  },
};
