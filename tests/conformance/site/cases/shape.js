// Class, prototype and properties, as code sees them that looks closely.

import { outcome, outcomes } from "../scene.js";

const CONSTANTS = ["CONNECTING", "OPEN", "CLOSING", "CLOSED"];
const READ_ONLY = ["url", "readyState", "bufferedAmount", "extensions", "protocol"];
const WRITABLE = ["onopen", "onerror", "onclose", "onmessage", "binaryType"];
const METHODS = ["close", "send"];
const MEMBERS = [...READ_ONLY, ...WRITABLE, ...METHODS];

/** Where a property is found, and how it is described there. */
function described(object, name) {
  for (let holder = object; holder; holder = Object.getPrototypeOf(holder)) {
    const descriptor = Object.getOwnPropertyDescriptor(holder, name);
    if (descriptor) return descriptor;
  }
  return undefined;
}

/** A descriptor in words. */
function inWords(descriptor) {
  if (!descriptor) return "not there";
  const { get, set, value, writable, enumerable, configurable } = descriptor;
  const traits = { enumerable, configurable, writable };
  const what = [];
  if (get) what.push(`${get.name} of ${get.length}`);
  if (set) what.push(`${set.name} of ${set.length}`);
  if (typeof value === "function") what.push(`${value.name} of ${value.length}`);
  else if (!get) what.push(String(value));
  return [...what, ...Object.keys(traits).filter((trait) => traits[trait])].join(", ");
}

const descriptors = (object, names) =>
  Object.fromEntries(names.map((name) => [name, inWords(described(object, name))]));

/** A function in strict code, where a refused assignment is an error. */
const assigning = (object, name, value) => () => {
  object[name] = value;
};

export const shape = {
  "name and arguments of the class": ({ Socket }) => ({
    name: Socket.name,
    length: Socket.length,
    prototype: inWords(Object.getOwnPropertyDescriptor(Socket, "prototype")),
    "prototype.constructor": Socket.prototype.constructor === Socket,
  }),

  "where it stands among classes": (scene) => {
    const { Socket } = scene;
    const socket = scene.make(scene.url());
    return {
      "instanceof EventTarget": socket instanceof EventTarget,
      "instanceof WebSocket": socket instanceof WebSocket,
      "instanceof its class": socket instanceof Socket,
      "directly below EventTarget": Object.getPrototypeOf(Socket) === EventTarget,
      "its prototype's own": MEMBERS.every((name) => Object.hasOwn(Socket.prototype, name)),
    };
  },

  "its string tag": (scene) => {
    const socket = scene.make(scene.url());
    return {
      "Object.prototype.toString": Object.prototype.toString.call(socket),
      String: String(socket),
      "of the prototype": Object.prototype.toString.call(scene.Socket.prototype),
      property: inWords(described(scene.Socket.prototype, Symbol.toStringTag)),
    };
  },

  "the constants of the class": ({ Socket }) => descriptors(Socket, CONSTANTS),

  "the constants of its instances": ({ Socket }) => descriptors(Socket.prototype, CONSTANTS),

  "the constants cannot be changed": (scene) => {
    const socket = scene.make(scene.url());
    return {
      ...outcomes({ instance: assigning(socket, "OPEN", 7), class: assigning(scene.Socket, "OPEN", 7) }),
      values: [socket.OPEN, scene.Socket.OPEN],
    };
  },

  "its properties and methods": ({ Socket }) => descriptors(Socket.prototype, MEMBERS),

  "what for … in finds of the standard's": (scene) => {
    const standard = [...MEMBERS, ...CONSTANTS, "addEventListener", "removeEventListener", "dispatchEvent"];
    const found = new Set();
    for (const name in scene.make(scene.url())) found.add(name);
    return {
      instance: standard.filter((name) => found.has(name)),
      class: CONSTANTS.filter((name) => name in scene.Socket),
    };
  },

  "its own enumerable properties": (scene) => {
    const socket = scene.make(scene.url());
    return {
      keys: Object.keys(socket),
      JSON: JSON.stringify(socket),
      spread: Object.keys({ ...socket }),
      "of the class": Object.keys(
        Object.getPrototypeOf(scene.Socket) === EventTarget ? scene.Socket : Object.getPrototypeOf(scene.Socket),
      ),
    };
  },

  "what is read-only cannot be assigned": (scene) => {
    const socket = scene.make(scene.url());
    return outcomes(Object.fromEntries(READ_ONLY.map((name) => [name, assigning(socket, name, 1)])));
  },

  "other properties can be added": (scene) => {
    const socket = scene.make(scene.url());
    socket.mine = 1;
    return { mine: socket.mine, keys: Object.keys(socket), extensible: Object.isExtensible(socket) };
  },

  "its accessors and methods refuse another object": ({ Socket }) => {
    const { prototype } = Socket;
    const calls = {};
    for (const name of MEMBERS) {
      const { get, set, value } = described(prototype, name);
      for (const [kind, call] of Object.entries({ get, set, call: value })) {
        if (!call) continue;
        calls[`${kind} ${name} of {}`] = () => call.call({}, "x");
        calls[`${kind} ${name} of a target`] = () => call.call(new EventTarget(), "x");
      }
      if (get) calls[`${name} of the prototype`] = () => prototype[name];
    }
    return outcomes(calls);
  },

  "it can be extended": async (scene) => {
    class Mine extends scene.Socket {
      sent = 0;
      send(data) {
        this.sent += 1;
        super.send(data);
      }
      get url() {
        return `mine: ${super.url && "a URL"}`;
      }
    }
    const mine = new Mine(scene.url());
    await scene.next(mine, "open");
    const heard = scene.hear(mine, 1);
    mine.send("a");
    const facts = {
      heard: await heard,
      sent: mine.sent,
      url: mine.url,
      constants: [Mine.OPEN, mine.CLOSED],
      class: [mine.constructor === Mine, mine instanceof scene.Socket, mine instanceof EventTarget],
    };
    mine.close();
    return facts;
  },

  "a prototype's method can be replaced, as instruments do": async (scene) => {
    const { prototype } = class extends scene.Socket {};
    const { send } = prototype;
    const seen = [];
    prototype.send = function (...given) {
      seen.push(...given);
      return send.apply(this, given);
    };
    const socket = new prototype.constructor(scene.url());
    await scene.next(socket, "open");
    const heard = scene.hear(socket, 1);
    socket.send("a");
    const facts = { heard: await heard, seen };
    socket.close();
    return facts;
  },

  "it cannot be cloned": (scene) => {
    const socket = scene.make(scene.url());
    return outcomes({ structuredClone: () => structuredClone(socket) });
  },

  "its methods can be taken off only with their object": (scene) => {
    const socket = scene.make(scene.url());
    const { close } = socket;
    return { unbound: outcome(() => close()), bound: outcome(() => close.call(socket)) };
  },
};
