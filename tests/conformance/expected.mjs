// The differences that remain, by reason: every one is expected by name, with what ours shows, and none may vanish unnoticed.
// README.md tells of them in words.

/** The classes: one that comes back, and one whose instances are chosen once. */
const comesBack = ["BalancedWebSocket"];
const chosenOnce = ["createWebSocketClass"];
const both = [...comesBack, ...chosenOnce];

/** Lives that do not end with their first `close`: what readyState is in each event. */
const LIVES = {
  "closing: the server closes and may be back": ["open 1", "close 0"],
  "closing: the server closes without a code": ["open 1", "close 0"],
  "failing: nobody listens": ["error 0", "close 0"],
  "failing: the handshake is refused": ["error 0", "close 0"],
  "failing: the handshake is answered as if it were a page": ["error 0", "close 0"],
  "failing: the server chooses a subprotocol that was not offered": ["error 0", "close 0"],
  "failing: the connection breaks": ["open 1", "close 0"],
  "failing: the server sets a bit that is reserved": ["open 1", "error 0", "close 0"],
  "failing: the server sends a text that is no UTF-8": ["open 1", "error 0", "close 0"],
  "failing: the server sends a frame of an unknown kind": ["open 1", "error 0", "close 0"],
  "failing: the server sends a ping that is too long": ["open 1", "error 0", "close 0"],
};

const readyStates = (lives) =>
  Object.fromEntries(Object.entries(lives).map(([name, readyState]) => [name, { readyState }]));

const events = ["open", "message", "a message of bytes", "error", "close"];

/** What each of the samples of `buffered.js` adds. */
const BYTES = {
  empty: 0,
  text: 3,
  "two bytes a character": 2,
  "four bytes a character": 4,
  "a lone surrogate": 3,
  buffer: 5,
  "a part of a buffer": 3,
  "16 bits": 4,
  blob: 5,
  null: 4,
};

/**
 * | field | |
 * |---|---|
 * | `because` | the name of the reason |
 * | `subjects` | whose difference it is |
 * | `engines` | where it shows; not given: everywhere |
 * | `differences` | by case, and by what is observed: what the subject shows |
 */
export const expected = [
  {
    because: "it comes back",
    subjects: comesBack,
    differences: {
      ...readyStates(LIVES),
      "closing: close() in an error listener": { readyState: ["error 0", "close 3"] },
      "living: after a connection is lost": { afterwards: "another one opens" },
    },
  },
  {
    because: "it comes back",
    subjects: comesBack,
    engines: ["chromium"],
    differences: readyStates({
      "failing: the server chooses none of those offered": ["error 0", "close 0"],
    }),
  },
  {
    because: "it comes back",
    subjects: comesBack,
    engines: ["chromium", "webkit"],
    differences: readyStates({
      "failing: the server chooses a subprotocol where none was offered": ["error 0", "close 0"],
    }),
  },
  {
    because: "what is sent waits",
    subjects: comesBack,
    differences: {
      "sending: while connecting": { returned: "undefined", bufferedAmount: 1, "first of all arrives": ["a"] },
    },
  },
  {
    because: "it chooses its server",
    subjects: comesBack,
    differences: {
      "construction: what a new socket shows": { url: "" },
      "construction: the URL is shown as the parser of URLs has it": { before: "" },
      "living: what it shows before, during and after": { before: ["", "", ""] },
    },
  },
  {
    because: "the first argument is more than a URL",
    subjects: comesBack,
    differences: {
      "construction: a URL of http: or https:, or a relative one, is one of ws: or wss:": {
        "http:": "",
        "https:": "",
        "an absolute path": "",
        "an empty one": "",
      },
      "construction: what is no string is made one": {
        "a String object": "fails",
        "an object with toString": "fails",
        null: "throws EvenkeelError",
        undefined: "throws EvenkeelError",
        "a number": "throws EvenkeelError",
        "a Symbol": "throws EvenkeelError",
      },
      "construction: without an argument, or without new, it is refused": { "new Socket()": "throws EvenkeelError" },
    },
  },
  {
    because: "no password is kept",
    subjects: comesBack,
    differences: { "construction: user and password in a URL": { url: "ws://host/" } },
  },
  {
    because: "it is a class of its own",
    subjects: both,
    differences: {
      "shape: where it stands among classes": {
        "instanceof WebSocket": false,
        "directly below EventTarget": false,
        "its prototype's own": false,
      },
    },
  },
  {
    because: "it is a class of its own",
    subjects: comesBack,
    differences: { "shape: name and arguments of the class": { name: "BalancedWebSocket" } },
  },
  {
    because: "it is a class of its own",
    subjects: chosenOnce,
    differences: { "shape: name and arguments of the class": { name: "BalancedConnection" } },
  },
  {
    because: "a close tells more",
    subjects: both,
    differences: { "events: close": { "own properties": ["isTrusted", "moved", "handedOver"] } },
  },
  {
    because: "messages are to cost little",
    subjects: both,
    differences: Object.fromEntries(
      ["message", "a message of bytes"].map((title) => [
        `events: ${title}`,
        { "own properties": ["isTrusted", "data", "origin"] },
      ]),
    ),
  },
  {
    because: "only the browser can be trusted",
    subjects: both,
    differences: Object.fromEntries(events.map((title) => [`events: ${title}`, { isTrusted: false }])),
  },
  {
    because: "a script dispatches",
    subjects: both,
    differences: {
      "living: microtasks and the listeners of one event": { log: ["first", "second", "microtask"] },
      "living: microtasks between error and close": { log: ["error", "close", "microtask"] },
    },
  },
  {
    because: "the standard rounds halves to even numbers",
    subjects: both,
    engines: ["chromium", "webkit"],
    differences: {
      "closing: close codes that are no integers": {
        999.5: " 2",
        2999.5: " 2",
        4999.5: "throws InvalidAccessError",
      },
      "closing: a fraction of a code is rounded": { 3001.5: 3002 },
    },
  },
  {
    because: "the standard has the page's own URL for an empty one",
    subjects: chosenOnce,
    engines: ["firefox"],
    differences: {
      "construction: a URL of http: or https:, or a relative one, is one of ws: or wss:": { "an empty one": "ws:" },
    },
  },
  {
    because: "the standard has reasons without a code, and checks them",
    subjects: both,
    engines: ["chromium", "webkit"],
    differences: {
      "closing: close reasons that are allowed, or not": { "124 bytes without a code": "throws SyntaxError" },
    },
  },
  {
    because: "the standard has reasons without a code, and checks them",
    subjects: both,
    engines: ["chromium"],
    differences: { "closing: a reason alone": { "of 3 bytes": "undefined" } },
  },
  {
    because: "the standard's events come in later tasks",
    subjects: both,
    engines: ["webkit"],
    differences: {
      "closing: close() while connecting: its events come in a later task": {
        log: ["the caller is done", "a microtask is done", "error", "close"],
      },
    },
  },
  {
    because: "the standard has a close for every end",
    subjects: both,
    engines: ["webkit"],
    // It comes with the end of `connectTimeout`.
    differences: { "failing: a port that browsers do not connect to": { "the events": [] } },
  },
  {
    because: "the standard counts no frame headers",
    subjects: both,
    engines: ["webkit"],
    differences: {
      "buffered: it grows while closing": BYTES,
      "buffered: it grows after the end, and is never 0 again": {
        ...BYTES,
        "and stays": Object.values(BYTES).reduce((sum, bytes) => sum + bytes),
      },
      "buffered: what was sent while closing is still counted after the end": { bufferedAmount: 3 },
      "sending: in the close listener": { "grows by": 3 },
    },
  },
];
