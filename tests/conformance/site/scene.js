// Where a case is played: sockets of one class, the server they talk to, and records of what they say.

/** The longest that a case waits for anything, in ms. */
const PATIENCE = 20_000;

/** The kinds of event that a `WebSocket` has. */
const KINDS = ["open", "message", "error", "close"];

let keys = 0;

export class Scene {
  #host;
  #made = [];

  /** `nobody`: a URL where nothing listens. */
  constructor(Socket, host, nobody) {
    this.Socket = Socket;
    this.nobody = nobody;
    this.#host = host;
  }

  /** The URL of a server that does what `server.mjs` says that it can be asked for. */
  url(ask) {
    const url = new URL(`ws://${this.#host}/`);
    if (ask) url.searchParams.set("ask", JSON.stringify(ask));
    return url.href;
  }

  /** The host, with its port. */
  get host() {
    return this.#host;
  }

  /** A name by which the server can be asked how a connection went. */
  key() {
    keys += 1;
    return String(keys);
  }

  /** How the connection of this name went, once it has ended: `{ code, reason, offered, messages }`. */
  async seen(key) {
    return (await fetch(`http://${this.#host}/seen?key=${key}`)).json();
  }

  /** Calls the constructor; what comes of it is closed with the scene. */
  make(...given) {
    const socket = new this.Socket(...given);
    this.#made.push(socket);
    return socket;
  }

  /** A socket, as soon as it is open. */
  async open(ask, ...protocols) {
    const socket = this.make(this.url(ask), ...protocols);
    await this.next(socket, "open");
    return socket;
  }

  /** The next event of this kind. */
  next(socket, kind) {
    return within(`${kind} event`, new Promise((resolve) => socket.addEventListener(kind, resolve, { once: true })));
  }

  /** The data of so many messages, as `described` has them. */
  hear(socket, count) {
    const heard = [];
    return within(
      `${count} messages`,
      new Promise((resolve) => {
        socket.addEventListener("message", function listener({ data }) {
          heard.push(described(data));
          if (heard.length < count) return;
          socket.removeEventListener("message", listener);
          resolve(Promise.all(heard));
        });
      }),
    );
  }

  /** Records what a socket says, up to its first `close`; `life` waits for that. */
  record(socket) {
    const record = { kinds: [], readyStates: [], messages: [], farewell: undefined };
    const stop = new AbortController();
    const closed = new Promise((resolve) => {
      for (const kind of KINDS) {
        socket.addEventListener(
          kind,
          (event) => {
            record.kinds.push(kind);
            record.readyStates.push(`${kind} ${socket.readyState}`);
            if (kind === "message") record.messages.push(event.data);
            if (kind !== "close") return;
            const { code, reason, wasClean } = event;
            record.farewell = { code, reason, wasClean };
            stop.abort();
            resolve();
          },
          { signal: stop.signal },
        );
      }
    });
    return Object.assign(record, { closed });
  }

  /** The facts of a recorded life that has come to its first `close`. */
  async life(record) {
    await within("close event", record.closed);
    const { kinds, readyStates, farewell } = record;
    return { "the events": kinds, readyState: readyStates, "code, reason, wasClean": farewell };
  }

  end() {
    for (const socket of this.#made) socket.close();
  }
}

/** A promise that may not take longer than a case can wait. */
function within(what, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${PATIENCE} ms: ${what}`)), PATIENCE);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** What a call comes to, in words: what it gives, or the name of what it throws. */
export function outcome(call) {
  try {
    const value = call();
    return typeof value === "object" && value !== null ? "an object" : String(value);
  } catch (error) {
    return `throws ${error?.name ?? error}`;
  }
}

/** The outcome of each call, by its name. */
export const outcomes = (calls) =>
  Object.fromEntries(Object.entries(calls).map(([name, call]) => [name, outcome(call)]));

/** A message's data as plain data: of a long one its length. */
export async function described(data) {
  if (typeof data === "string") return data.length > 100 ? `${data.length} characters` : data;
  const bytes = new Uint8Array(data instanceof Blob ? await data.arrayBuffer() : data);
  return [data.constructor.name, ...(bytes.length > 100 ? [`${bytes.length} bytes`] : bytes)].join(" ");
}

/** A later task. */
export const later = (ms = 0) => new Promise((resolve) => setTimeout(resolve, ms));
