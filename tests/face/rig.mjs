// The face over a driver moved by hand, and stand-ins for what the platform has.
import { setImmediate as settled } from "node:timers/promises";
import { Socket } from "../../dist/socket.js";

export { settled };

export const SERVER = { id: "a", url: "ws://a.example/ws", available: true, draining: false, priority: 0, weight: 1 };
export const OTHER = { ...SERVER, id: "b", url: "ws://b.example/ws" };
export const [IDLE, CONNECTING, OPEN, RECONNECTING, MIGRATING, , CLOSING, CLOSED] = [0, 1, 2, 3, 4, 5, 6, 7];

/** The platform's socket, moved by hand. */
export class Wire {
  readyState = 0;
  bufferedAmount = 0;
  protocol = "";
  extensions = "";
  binaryType = "blob";
  sent = [];
  constructor(url, protocols) {
    this.url = url;
    this.protocols = protocols;
  }
  send(data) {
    this.sent.push(data);
  }
}

/** A socket, its driver's strings in our hands, and what its listeners heard. `names`: its second argument. */
export function rig({ source = "ws://a.example/ws", names, load, ...options } = {}) {
  const rig = { heard: [], calls: [], now: IDLE, freed: false };
  const noted =
    (name) =>
    (...given) =>
      rig.calls.push([name, ...given]);
  rig.core = {
    Driver: class {
      constructor(face, settings) {
        Object.assign(rig, { face, settings });
      }
      start = () => rig.move(CONNECTING);
      state = () => rig.now;
      close(...given) {
        rig.calls.push(["close", ...given]);
        rig.move(CLOSING);
      }
      answered = (request, { response, document } = {}) =>
        rig.calls.push(["answered", request, response?.status, document]);
      unanswered = (request, error) => rig.calls.push(["unanswered", request, error.code]);
      reconnect = noted("reconnect");
      migrate = noted("migrate");
      refresh = noted("refresh");
      update = noted("update");
      servers = () => [SERVER];
      snapshot = () => ({ attempts: 3 });
      free() {
        rig.freed = true;
      }
    },
  };
  rig.move = (state) => {
    rig.now = state;
    rig.face.changed();
  };
  /** An attempt at a server, whose connection stands or not. */
  rig.dial = (server = SERVER, { beside = false, readyState = 0 } = {}) => {
    const wire = rig.face.dial(server.url, undefined, server, beside);
    wire.deliver = (data, origin = "ws://a.example") => rig.face.message({ data, origin, target: wire });
    return Object.assign(wire, { readyState });
  };
  rig.open = (server = SERVER) => {
    const wire = rig.dial(server, { readyState: 1 });
    rig.move(OPEN);
    rig.face.opened(wire, server);
    return wire;
  };
  rig.end = (closure) => {
    rig.move(closure.final ? CLOSED : RECONNECTING);
    rig.face.closed({ code: 1006, reason: "", wasClean: false, errored: false, final: false, ...closure });
  };
  /** A move of an application that prepares its connections. */
  rig.migrate = (server = OTHER, reason = "drain") => {
    rig.move(MIGRATING);
    const wire = rig.dial(server, { beside: true, readyState: 1 });
    rig.move(OPEN);
    rig.face.migrated(wire, server, reason);
    return wire;
  };
  /** A move of one that does not. */
  rig.replace = (server = OTHER, reason = "drain") => {
    rig.move(MIGRATING);
    const wire = rig.dial(server, { beside: true, readyState: 1 });
    rig.end({ code: 1012, reason, wasClean: true, moved: true });
    rig.move(OPEN);
    rig.face.opened(wire, server);
    return wire;
  };
  rig.socket = new Socket(load ?? (async () => rig.core), source, names, { WebSocket: Wire, ...options });
  for (const kind of ["open", "message", "error", "close", "statechange", "migrate", "drop", "retry"]) {
    rig.socket.addEventListener(kind, (event) => rig.heard.push(kind === "statechange" ? event.state : event.type));
  }
  return rig;
}

/** The same, as soon as the driver is there. */
export async function running(options) {
  const made = rig(options);
  await settled();
  return made;
}

/** What globals were before a test put something in their place. */
const own = new Map();

/** Puts something in the place of a global of this name until the test is over. */
export function stub(t, name, descriptor) {
  if (!own.has(name)) {
    own.set(name, Object.getOwnPropertyDescriptor(globalThis, name));
    t.after(() => {
      delete globalThis[name];
      if (own.get(name)) Object.defineProperty(globalThis, name, own.get(name));
      own.delete(name);
    });
  }
  Object.defineProperty(globalThis, name, { configurable: true, ...descriptor });
}

/** A target of events that knows its listeners by the type of event, and whose own properties can be set. */
class Target extends EventTarget {
  listeners = [];
  addEventListener(type, listener) {
    this.listeners.push(type);
    super.addEventListener(type, listener);
  }
  removeEventListener(type, listener) {
    this.listeners.splice(this.listeners.indexOf(type), 1);
    super.removeEventListener(type, listener);
  }
}

/** A page around us until the test is over: its window, document, navigator and connection, and what fires there. */
export function page(t) {
  const window = new Target();
  const document = Object.assign(new Target(), { visibilityState: "visible" });
  const connection = Object.assign(new Target(), { type: "wifi" });
  const navigator = { onLine: true, connection };
  const targets = { window, document, connection };
  for (const name of ["addEventListener", "removeEventListener"]) stub(t, name, { value: window[name].bind(window) });
  stub(t, "document", { value: document });
  stub(t, "navigator", { value: navigator });
  return {
    ...targets,
    navigator,
    fire: (on, type, fields) => targets[on].dispatchEvent(Object.assign(new Event(type), fields)),
    /** The types of event that anything still listens to. */
    listeners: () => Object.values(targets).flatMap((target) => target.listeners),
  };
}

/** Asks what was reported to the application's console since it was last asked, in place of being thrown there. */
export function reports(t) {
  const { queueMicrotask } = globalThis;
  const thrown = [];
  const caught = (task) => () => {
    try {
      task();
    } catch (error) {
      thrown.push(error);
    }
  };
  t.mock.method(globalThis, "queueMicrotask", (task) => queueMicrotask(caught(task)));
  return async () => {
    await settled();
    return thrown.splice(0);
  };
}

/** A function that throws this. */
export const throwing =
  (thrown = new Error("mine")) =>
  () => {
    throw thrown;
  };
