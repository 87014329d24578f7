// Listeners and handlers, and in which order they are called.

import { later, outcome } from "../scene.js";

const KINDS = ["open", "message", "error", "close"];

/** Two messages, with time between them for what the first one leads to. */
const TWO_APART = [
  ["text", "a"],
  ["pause", 20],
  ["text", "b"],
];

/** What is logged when the first message arrives. */
async function logged(scene, prepare) {
  const socket = scene.make(
    scene.url({
      steps: [
        ["pause", 20],
        ["text", "a"],
      ],
    }),
  );
  const log = [];
  prepare(socket, (name) => () => log.push(name));
  const heard = scene.next(socket, "message");
  await heard;
  await later();
  return { log };
}

/** What reaches the page as an uncaught error while something is done. */
async function uncaught(action) {
  const caught = [];
  const listener = (event) => {
    caught.push(String(event.error ?? event.message));
    event.preventDefault();
  };
  addEventListener("error", listener);
  try {
    await action();
    await later(20);
  } finally {
    removeEventListener("error", listener);
  }
  return caught;
}

const thrower = (text) => () => {
  throw new Error(text);
};

export const listening = {
  "a handler is called where it was first set": (scene) =>
    logged(scene, (socket, note) => {
      socket.addEventListener("message", note("listener before"));
      socket.onmessage = note("handler");
      socket.addEventListener("message", note("listener after"));
    }),

  "a handler that is replaced keeps its place": (scene) =>
    logged(scene, (socket, note) => {
      socket.onmessage = note("first handler");
      socket.addEventListener("message", note("listener"));
      socket.onmessage = note("second handler");
    }),

  "a handler that is removed and set again is called last": (scene) =>
    logged(scene, (socket, note) => {
      socket.onmessage = note("first handler");
      socket.addEventListener("message", note("listener"));
      socket.onmessage = null;
      socket.onmessage = note("second handler");
    }),

  "a handler that is an object keeps its place and is not called": (scene) =>
    logged(scene, (socket, note) => {
      socket.onmessage = { handleEvent: note("handleEvent of a handler") };
      socket.addEventListener("message", note("listener"));
      socket.onmessage = note("handler");
    }),

  "a handler that is set while its event is dispatched": (scene) =>
    logged(scene, (socket, note) => {
      socket.addEventListener("message", () => {
        socket.onmessage = note("replaced");
      });
      socket.onmessage = note("handler");
    }),

  "a handler that is first set while its event is dispatched": (scene) =>
    logged(scene, (socket, note) => {
      socket.addEventListener("message", () => {
        socket.onmessage = note("too late");
      });
    }),

  "a handler that is removed while its event is dispatched": (scene) =>
    logged(scene, (socket, note) => {
      socket.addEventListener("message", () => {
        socket.onmessage = null;
      });
      socket.onmessage = note("handler");
    }),

  "what is no function becomes null, what is an object stays": (scene) => {
    const socket = scene.make(scene.url());
    const facts = {};
    const values = {
      "a number": 1,
      "a string": "x",
      true: true,
      undefined: undefined,
      "a Symbol": Symbol("a"),
      "a BigInt": 1n,
      "an object": {},
      "an array": [],
      "a function": () => undefined,
    };
    for (const [name, value] of Object.entries(values)) {
      facts[name] = KINDS.map((kind) => {
        socket[`on${kind}`] = () => undefined;
        const refused = outcome(() => {
          socket[`on${kind}`] = value;
        });
        const kept = socket[`on${kind}`];
        return refused === "undefined" ? [kept === value, kept === null] : refused;
      });
    }
    return facts;
  },

  "a handler's this and arguments": async (scene) => {
    const socket = scene.make(scene.url());
    return new Promise((resolve) => {
      socket.onopen = function (...given) {
        resolve({ this: this === socket, count: given.length, event: given[0] instanceof Event });
      };
    });
  },

  "a handler's value means nothing": async (scene) => {
    const socket = scene.make(scene.url({ steps: [["text", "a"]] }));
    const prevented = [];
    socket.onmessage = () => false;
    socket.addEventListener("message", (event) => prevented.push(event.defaultPrevented));
    await scene.next(socket, "message");
    return { prevented };
  },

  "an object with handleEvent is a listener": async (scene) => {
    const socket = scene.make(scene.url({ steps: TWO_APART }));
    const log = [];
    const listener = {
      handleEvent(event) {
        log.push([event.data, this === listener]);
        this.handleEvent = () => log.push("replaced");
      },
    };
    socket.addEventListener("message", listener);
    await scene.hear(socket, 2);
    return { log };
  },

  "what cannot be a listener": (scene) => {
    const socket = scene.make(scene.url());
    const facts = {};
    for (const [name, value] of Object.entries({ null: null, undefined: undefined, "a number": 1, "an object": {} })) {
      facts[name] = outcome(() => socket.addEventListener("open", value));
    }
    return facts;
  },

  "a listener that is added twice is called once": (scene) =>
    logged(scene, (socket, note) => {
      const listener = note("listener");
      socket.addEventListener("message", listener);
      socket.addEventListener("message", listener);
      socket.onmessage = listener;
    }),

  "listeners that capture come first": (scene) =>
    logged(scene, (socket, note) => {
      socket.addEventListener("message", note("listener"));
      socket.addEventListener("message", note("capturing"), true);
      socket.onmessage = note("handler");
    }),

  "a listener for once": async (scene) => {
    const socket = scene.make(
      scene.url({
        steps: [
          ["text", "a"],
          ["text", "b"],
        ],
      }),
    );
    const log = [];
    socket.addEventListener("message", ({ data }) => log.push(data), { once: true });
    await scene.hear(socket, 2);
    return { log };
  },

  "a listener with a signal": async (scene) => {
    const socket = scene.make(scene.url({ steps: TWO_APART }));
    const log = [];
    const abort = new AbortController();
    socket.addEventListener("message", ({ data }) => log.push(data), { signal: abort.signal });
    socket.addEventListener("message", () => log.push("never"), { signal: AbortSignal.abort() });
    await scene.hear(socket, 1);
    abort.abort();
    await scene.hear(socket, 1);
    return { log };
  },

  "a listener that removes another one": (scene) =>
    logged(scene, (socket, note) => {
      const other = note("removed");
      socket.addEventListener("message", () => socket.removeEventListener("message", other));
      socket.addEventListener("message", other);
    }),

  "a listener that adds another one": (scene) =>
    logged(scene, (socket, note) => {
      socket.addEventListener("message", () => socket.addEventListener("message", note("added")));
    }),

  "a listener that stops the others": (scene) =>
    logged(scene, (socket, note) => {
      // Not before the one that ends the case.
      queueMicrotask(() =>
        queueMicrotask(() => {
          socket.addEventListener("message", (event) => event.stopImmediatePropagation());
          socket.onmessage = note("stopped");
        }),
      );
    }),

  "a listener that throws is reported, and the others are called": async (scene) => {
    const socket = scene.make(scene.url({ steps: TWO_APART }));
    const log = [];
    const reported = await uncaught(async () => {
      socket.addEventListener("message", thrower("of a listener"));
      socket.onmessage = thrower("of a handler");
      socket.addEventListener("message", ({ data }) => log.push(data));
      await scene.hear(socket, 2);
    });
    return { log, reported };
  },

  "listeners of open, error and close that throw change nothing": async (scene) => {
    const facts = {};
    for (const [name, url] of Object.entries({
      "a life": scene.url({ steps: [["close", 1000]] }),
      "a failure": scene.nobody,
    })) {
      const socket = scene.make(url);
      facts[`${name}: reported`] = await uncaught(async () => {
        for (const kind of KINDS) socket.addEventListener(kind, thrower(kind), { once: true });
        const record = scene.record(socket);
        facts[name] = (await scene.life(record))["the events"];
      });
    }
    return facts;
  },

  "a listener that throws a text": async (scene) => {
    const socket = scene.make(scene.url());
    const reported = await uncaught(async () => {
      socket.addEventListener("open", () => {
        throw "a text";
      });
      await scene.next(socket, "open");
    });
    return { reported };
  },
};
