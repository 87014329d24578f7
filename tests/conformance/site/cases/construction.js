// What the constructor takes, refuses and shows at once.

import { outcome, outcomes } from "../scene.js";

/** Constructs with each of these arguments. */
const constructed = (scene, all) =>
  outcomes(Object.fromEntries(Object.entries(all).map(([name, given]) => [name, () => scene.make(...given)])));

/** Offers each of these in the place of the subprotocols. */
const offered = (scene, all) =>
  constructed(
    scene,
    Object.fromEntries(Object.entries(all).map(([name, protocols]) => [name, [scene.url(), protocols]])),
  );

export const construction = {
  "a URL that nothing can be made of is refused": (scene) =>
    constructed(
      scene,
      Object.fromEntries(
        ["ws://", "ws:// a/", "ws://a b/", "ws://127.0.0.1:65536/", "ws://[::1/", "ws://%/", "http://", "wss:"].map(
          (url) => [url, [url]],
        ),
      ),
    ),

  "a URL of another scheme is refused": (scene) =>
    constructed(
      scene,
      Object.fromEntries(
        ["ftp://a.example/", "mailto:a@b.example", "javascript:1", "data:,", "about:blank", "file:///a"].map((url) => [
          url,
          [url],
        ]),
      ),
    ),

  "a URL with a fragment is refused, be it empty": (scene) =>
    constructed(scene, { "#part": [`${scene.url()}#part`], "#": [`${scene.url()}#`] }),

  "a URL of http: or https:, or a relative one, is one of ws: or wss:": (scene) => {
    const url = (given) => outcome(() => scene.make(given).url.replace(/\/\/.*/, ""));
    return {
      "http:": url(`http://${scene.host}/`),
      "https:": url(`https://${scene.host}/`),
      "an absolute path": url("/nothing-there"),
      "an empty one": url(""),
    };
  },

  "what is no string is made one": async (scene) => {
    const opened = async (given) => {
      let socket;
      const refused = outcome(() => {
        socket = scene.make(given);
      });
      if (!socket) return refused;
      await Promise.race([scene.next(socket, "open"), scene.next(socket, "error")]);
      return socket.readyState === 1 ? "opens" : "fails";
    };
    return {
      "a URL object": await opened(new URL(scene.url())),
      "a String object": await opened(new String(scene.url())),
      "an object with toString": await opened({ toString: () => scene.url() }),
      null: outcome(() => scene.make(null)),
      undefined: outcome(() => scene.make(undefined)),
      "a number": outcome(() => scene.make(42)),
      "a Symbol": outcome(() => scene.make(Symbol("a"))),
    };
  },

  "without an argument, or without new, it is refused": ({ Socket }) =>
    outcomes({ "new Socket()": () => new Socket(), "Socket(url)": () => Socket("ws://127.0.0.1/") }),

  "the URL is shown as the parser of URLs has it": async (scene) => {
    const url = ` WS://${scene.host}/a/../b%20c/./é?q=ü `;
    const socket = scene.make(url);
    const before = socket.url;
    await scene.next(socket, "open");
    return { before, open: socket.url };
  },

  "user and password in a URL": async (scene) => {
    const socket = scene.make(`ws://me:it@${scene.host}/`);
    await scene.next(socket, "open");
    return { url: socket.url.replace(scene.host, "host") };
  },

  "no subprotocol, one or several": (scene) =>
    offered(scene, {
      undefined: undefined,
      "an empty array": [],
      "one string": "chat.v1",
      "every character of a token": "!#$%&'*+-.^_`|~09AZaz",
      two: ["a", "b"],
      "a Set": new Set(["a", "b"]),
      "a generator": (function* () {
        yield "a";
      })(),
      "a String object, of its letters": new String("ab"),
      null: null,
      numbers: [1, 2],
      "an array of an object with toString": [{ toString: () => "c" }],
    }),

  "a subprotocol that is no token is refused": (scene) =>
    offered(scene, {
      "an empty string": "",
      "a space": "a b",
      "a comma": "a,b",
      "a control character": "a\u0001",
      "a line feed": "a\n",
      DEL: "a\u007f",
      "beyond ASCII": "é",
      slash: "a/b",
      quote: 'a"b',
      bracket: "[a]",
      "one of several": ["a", "b c"],
      "an object": {},
      "an array of undefined": [undefined],
      "an array of an array": [["a", "b"]],
    }),

  "a subprotocol that is offered twice is refused, in whichever case": (scene) =>
    offered(scene, { twice: ["a", "a"], "in another case": ["chat", "ChAT"], alike: ["a", "ab"] }),

  "a subprotocol that cannot be a string is a TypeError": (scene) =>
    offered(scene, {
      "a Symbol": Symbol("a"),
      "an array of one": [Symbol("a")],
      "an object without a way to be one": Object.create(null),
    }),

  "an iterable of subprotocols that throws": (scene) =>
    offered(scene, {
      "as it begins": {
        [Symbol.iterator]() {
          throw new RangeError("mine");
        },
      },
      "an element": [
        {
          toString() {
            throw new RangeError("mine");
          },
        },
      ],
    }),

  "an iterable that is no string: it need not be one": (scene) =>
    offered(scene, {
      "without a prototype": Object.assign(Object.create(null), { [Symbol.iterator]: () => ["a"].values() }),
    }),

  "arguments are converted before they are checked": (scene) =>
    constructed(scene, { "a bad URL and a Symbol": ["ws://a b/", Symbol("a")] }),

  "what is refused is refused by a DOMException": (scene) => {
    const facts = {};
    for (const [name, given] of [
      ["a URL", ["ws://a b/"]],
      ["a subprotocol", [scene.url(), "a b"]],
    ]) {
      try {
        scene.make(...given);
      } catch (error) {
        facts[name] = [error.constructor.name, error.name, error.code, error instanceof Error, error.message !== ""];
      }
    }
    return facts;
  },

  "the subprotocols are offered in their order": async (scene) => {
    const key = scene.key();
    const socket = await scene.open({ key }, ["b", "a", "c"]);
    socket.close();
    return { "the server saw": (await scene.seen(key)).offered, chosen: socket.protocol };
  },

  "what a new socket shows": (scene) => {
    const socket = scene.make(scene.url());
    const { url, protocol, extensions, readyState, bufferedAmount, binaryType } = socket;
    const { onopen, onmessage, onerror, onclose } = socket;
    return {
      url: url && "the server's",
      protocol,
      extensions,
      readyState,
      bufferedAmount,
      binaryType,
      handlers: [onopen, onmessage, onerror, onclose],
      "own properties": Reflect.ownKeys(socket).map(String),
    };
  },

  "nothing happens before the constructor's caller is done": async (scene) => {
    const socket = scene.make(scene.url());
    const log = [];
    for (const kind of ["open", "error", "close"]) socket.addEventListener(kind, () => log.push(kind));
    const opened = scene.next(socket, "open");
    const end = performance.now() + 50;
    while (performance.now() < end) log.push(...(socket.readyState === 0 ? [] : ["not connecting"]));
    log.push("the caller is done");
    await opened;
    return { log };
  },
};
