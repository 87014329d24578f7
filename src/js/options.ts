import { EvenkeelError } from "./errors.js";
import type { Server, ServerEntry } from "./list.js";
import type * as Platform from "./platform.js";
import type { Overflow } from "./queue.js";
import type { ListDocument } from "./source.js";

/** What may be sent by a WebSocket. */
export type Sendable = Platform.Sendable;

/** A ping of the application's own: what browsers send and answer by themselves, pages never see. */
export interface HeartbeatOptions {
  /** What to send, or a function giving it each time. */
  message: Sendable | (() => Sendable);
  /**
   * Which messages are answers, and are kept from the application: this text, or those for which the function is true.
   * Default: none. Every message counts as a sign of life, an answer or not.
   */
  reply?: string | ((data: unknown) => boolean) | undefined;
  /** How often. Default: 25,000, as many proxies close connections that were quiet for 30 s or a minute. */
  interval?: number | undefined;
  /** How long anything at all may take to arrive after it. Default: 10,000, which only a broken network exceeds. */
  timeout?: number | undefined;
}

/** The options of `BalancedWebSocket`. Times are in milliseconds. */
export interface BalancedWebSocketOptions {
  /**
   * How long one seed may take to answer, body included, before the next one is asked.
   * Default: 5,000, long enough for a slow mobile network, and short beside the wait of a person.
   */
  seedTimeout?: number | undefined;
  /**
   * What the seed is asked with, on top of a plain GET with `cache: "no-cache"`, or a function giving that for each
   * request (a rejection is a failed request). Its `signal` is not used. Default: nothing.
   */
  request?: Platform.RequestInit | ((seed: string) => Platform.RequestInit | Promise<Platform.RequestInit>) | undefined;
  /**
   * Reads a list in another format: the text of an answer, and the answer, to what `server-list.schema.json` describes.
   * Default: `JSON.parse`.
   */
  parse?: ((body: string, response: Platform.Response) => ListDocument | Promise<ListDocument>) | undefined;
  /**
   * How often the list is fetched while connected, ± 20 %; false: never. Default: 60,000: often enough to leave a draining
   * server, or to come home, within a minute or two; a hundred requests a second for each 6,000 clients.
   */
  refreshInterval?: number | false | undefined;
  /**
   * Hear of changes at once? While connected, and somebody sees the page, each seed's list is also read as a stream of
   * server-sent events: true, from the seed's sibling `watch` (`https://api.example.com/servers?of=eu`:
   * `https://api.example.com/watch?of=eu`), or from this URL, relative to the seed's. Each list of it puts the next fetch
   * off; without it, fetching goes on as ever. `request` and `parse` apply to it too. Default: false, since it costs the seed
   * an open connection per client, and the browser one of the six it has for a host that has HTTP/1.1 only.
   */
  watch?: boolean | string | Platform.URL | undefined;
  /**
   * Where the last list is kept for the next visit, in the storage of the page's origin; false: nowhere.
   * Default: a key made of the seeds' URLs. Lists from functions are not kept unless a key is given.
   */
  cache?: string | false | undefined;
  /** `ws:` or `wss:` URLs to use as long as no list can be had at all. Default: none. */
  fallback?: string | Platform.URL | readonly (string | Platform.URL)[] | undefined;
  /**
   * Where a list may send the client, and a seed redirect it: hosts, with or without port, or a function of the URL.
   * Default: anywhere.
   */
  allow?: readonly string[] | ((url: Platform.URL) => boolean) | undefined;
  /**
   * What the application thinks of a server (its region, its version): a number that replaces `priority`, or null to leave
   * it out. Called for each entry of each list, but not for `fallback`. Default: the list's priorities.
   */
  rank?: ((server: ServerEntry) => number | null) | undefined;
  /**
   * Clients with the same key meet on the same server, as far as its room goes; when a server is lost, only its keys move.
   * Default: every client goes where there is room.
   */
  affinity?: string | undefined;
  /**
   * Where to connect to a server, with a token in it for instance: called for every attempt. A rejection is one failed
   * attempt, and no server's fault. Default: the server's own URL.
   */
  url?: ((server: Server) => string | Platform.URL | Promise<string | Platform.URL>) | undefined;
  /** With which subprotocols, likewise. Default: the second argument of the constructor. */
  protocols?: ((server: Server) => string | readonly string[] | Promise<string | readonly string[]>) | undefined;
  /** How long `url` and `protocols` may take. Default: 10,000, as for a connection. */
  credentialTimeout?: number | undefined;
  /**
   * Makes a new connection ready (logs in, subscribes) before it is used: before `open`, before anything queued is sent. It
   * gets the browser's own socket, and alone hears what arrives meanwhile. It has `connectTimeout` for that; a rejection is a
   * failed attempt. With it, a move from server to server fires `migrate` in place of `close` and `open`. Default: none.
   */
  prepare?: ((socket: Platform.WebSocket, server: Server) => unknown) | undefined;
  /**
   * Give a first attempt that has not opened after 2 s company by a second one, to another server, and keep the first to
   * open? Default: false, since each costs a server a handshake.
   */
  hedge?: boolean | undefined;
  /** The application's own ping. Default: none. */
  heartbeat?: HeartbeatOptions | undefined;
  /**
   * After how long without any message the connection counts as dead. Default: where the list has a `heartbeat`, half as
   * long again and a second; else never.
   */
  silenceTimeout?: number | undefined;
  /** Go back to better groups when they have room again? Default: true. */
  failback?: boolean | undefined;
  /** Leave a server that has more than its part of its group? Default: true where `prepare` is given, and moving costs nothing. */
  rebalance?: boolean | undefined;
  /**
   * How long the old connection is kept after a move, for what is still under way on it. Default: 5,000, by when a new one
   * that was to be lost at once has been, and the old one is there to take over again.
   */
  linger?: number | undefined;
  /**
   * How long one connection may take to open before the server counts as overloaded.
   * Default: 10,000, since an overloaded server that still accepts should not be hurried into accepting twice. Where the list
   * shows that a whole fleet is coming back, an attempt that stands in line at a busy server stays for as long again, and
   * again: whoever leaves the line is served in vain, and lines up behind everyone else.
   */
  connectTimeout?: number | undefined;
  /**
   * How long a connection must last to count as a success. Default: 30,000, longer than a server takes that
   * accepts, fails to authorise or to allocate, and closes.
   */
  minUptime?: number | undefined;
  /**
   * How long the peer may take to answer our closing handshake before the connection is given up as closed.
   * Default: 5,000; a dead peer never answers, and browsers wait up to minutes.
   */
  closeTimeout?: number | undefined;
  /**
   * Is a connection to follow the one, or the attempt, that ended so? Not asked after `close()`, nor where we are the
   * ones who gave it up (`connectTimeout`, `reconnect()`).
   * Default, also where this returns undefined or throws: yes, but for codes that say no other will fare better.
   */
  shouldReconnect?: ((event: Platform.CloseEvent) => boolean | undefined) | undefined;
  /** How many messages may wait for a connection. Default: 1,000. 0: none, every `send` overflows. */
  queueMessages?: number | undefined;
  /** How many bytes may wait for a connection. Default: 1,048,576, that is 1 MiB. */
  queueBytes?: number | undefined;
  /**
   * What `send` does when that is exceeded: throw an `EvenkeelError` with code `queue-full`, or drop the oldest or
   * the newest message with a `drop` event. Default: "throw", as only that tells the very caller whose message it is,
   * and nothing once accepted is taken back.
   */
  overflow?: Overflow | undefined;
  /** Start at once? Default: true. With false, `connect()` starts. */
  autoConnect?: boolean | undefined;
  /** Its abortion closes the socket for good. */
  signal?: Platform.AbortSignal | undefined;
  /** Default: the platform's `WebSocket`. */
  WebSocket?: (new (url: string, protocols?: string[]) => Platform.AnyWebSocket) | undefined;
  /** Default: the platform's `fetch`. */
  fetch?: Platform.Fetch | undefined;
  /** Makes the draws repeatable: an integer, 0 to 2⁵³ − 1. Default: from the platform's cryptographic source. */
  randomSeed?: number | undefined;
  /**
   * Called with everything that happens but messages: the kind of event with the event before it is dispatched, and
   * the code of a failed request with its error. Default: nothing is logged.
   */
  log?: ((kind: string, detail: Platform.Event | EvenkeelError) => void) | undefined;
}

/** What of a socket's options a class has as well. */
type Shared =
  | "seedTimeout"
  | "request"
  | "parse"
  | "cache"
  | "fallback"
  | "allow"
  | "rank"
  | "credentialTimeout"
  | "connectTimeout"
  | "minUptime"
  | "closeTimeout"
  | "WebSocket"
  | "fetch"
  | "randomSeed"
  | "log";

/** The options of `createWebSocketClass`: those of `BalancedWebSocket` that one connection has a use for, and two of its own. */
export interface WebSocketClassOptions extends Pick<BalancedWebSocketOptions, Shared> {
  /**
   * Where to connect to a server, for an instance that was made with the URL `requested`. A rejection is one failed attempt, and
   * no server's fault. Default: scheme, host, port and path of the server's URL, then path and query of the requested one.
   */
  url?:
    | ((server: Server, requested: Platform.URL) => string | Platform.URL | Promise<string | Platform.URL>)
    | undefined;
  /**
   * Instances with the same key meet on the same server, also those of other clients: one key for all, or one worked out of the
   * requested URL, such as the name of a room in its path. Default: each goes where there is room.
   */
  affinity?: string | ((requested: Platform.URL) => string | undefined) | undefined;
}

/** The options of `createSelector`. */
export interface SelectorOptions {
  /** Makes the draws repeatable: an integer, 0 to 2⁵³ − 1. Default: from the platform's cryptographic source. */
  randomSeed?: number | undefined;
  /** What relative URLs of a list resolve against. Default: the page's or worker's own URL, if there is one. */
  base?: string | Platform.URL | undefined;
}

const milliseconds = "number from 1 to 2147483647";
const count = "number from 0 to 9007199254740991";

/** Per option what it may be, in words that serve as a message too, and its default. */
type Table<T> = { [name in keyof T]-?: readonly [kind: string, byDefault?: T[name]] };

const sharedTable: Table<Pick<BalancedWebSocketOptions, Shared>> = {
  seedTimeout: [milliseconds, 5_000],
  request: ["object or function"],
  parse: ["function"],
  cache: ["false or string"],
  fallback: ["string or object"],
  allow: ["array or function"],
  rank: ["function"],
  credentialTimeout: [milliseconds, 10_000],
  connectTimeout: [milliseconds, 10_000],
  minUptime: [count, 30_000],
  closeTimeout: [milliseconds, 5_000],
  WebSocket: ["function"],
  fetch: ["function"],
  randomSeed: [count],
  log: ["function"],
};

const socketTable: Table<BalancedWebSocketOptions> = {
  ...sharedTable,
  refreshInterval: [`false or ${milliseconds}`, 60_000],
  watch: ["boolean or string or object", false],
  affinity: ["string"],
  url: ["function"],
  protocols: ["function"],
  prepare: ["function"],
  hedge: ["boolean", false],
  heartbeat: ["object"],
  silenceTimeout: [milliseconds],
  failback: ["boolean", true],
  rebalance: ["boolean"],
  linger: [count, 5_000],
  shouldReconnect: ["function"],
  queueMessages: [count, 1_000],
  queueBytes: [count, 1_048_576],
  overflow: ["'throw' or 'drop-oldest' or 'drop-newest'", "throw"],
  autoConnect: ["boolean", true],
  signal: ["object"],
};

const classTable: Table<WebSocketClassOptions> = {
  ...sharedTable,
  url: ["function"],
  affinity: ["string or function"],
};

const heartbeatTable: Table<HeartbeatOptions> = {
  message: ["string or object or function"],
  reply: ["string or function"],
  interval: [milliseconds, 25_000],
  timeout: [milliseconds, 10_000],
};

const selectorTable: Table<SelectorOptions> = {
  randomSeed: [count],
  base: ["string or object"],
};

/** A value as a message shows it. */
const shown = (value: unknown): string => (typeof value === "string" ? JSON.stringify(value) : String(value));

/** Is this value what the words say? */
const fits = (value: unknown, kind: string): boolean =>
  kind.split(" or ").some((one) => {
    const [, least, most] = /from (\d) to (\d+)/.exec(one) ?? [];
    if (least && most) return typeof value === "number" && value >= +least && value <= +most;
    if (one === "array") return Array.isArray(value);
    return one === typeof value || one === `'${value}'` || (one === "false" && value === false);
  });

/**
 * The options given, over the defaults. One that does not exist or is not of its kind is an error; undefined and null
 * are as good as left out.
 */
function read<T extends object>(given: T | null | undefined, table: Table<T>): T {
  const options: Record<string, unknown> = {};
  for (const [name, [, byDefault]] of Object.entries<Table<T>[keyof T]>(table)) options[name] = byDefault;
  if (typeof (given ?? {}) !== "object")
    throw new EvenkeelError("bad-option", `an object expected, not ${shown(given)}`);
  for (const [name, value] of Object.entries(given ?? {})) {
    if (value == null) continue;
    if (!Object.hasOwn(table, name)) throw new EvenkeelError("bad-option", `there is no ${name}`);
    const [kind] = table[name as keyof T];
    if (!fits(value, kind)) {
      throw new EvenkeelError("bad-option", `${name}: ${kind} expected, not ${shown(value)}`);
    }
    options[name] = value;
  }
  return options as T;
}

type WithDefault =
  | "seedTimeout"
  | "refreshInterval"
  | "watch"
  | "credentialTimeout"
  | "hedge"
  | "failback"
  | "linger"
  | "connectTimeout"
  | "minUptime"
  | "closeTimeout"
  | "queueMessages"
  | "queueBytes"
  | "overflow"
  | "autoConnect";

/** A heartbeat as a socket works with it. */
type Heartbeat = HeartbeatOptions & { interval: number; timeout: number };

/** The options of a socket as it works with them: those that have defaults are there. */
export type SocketOptions = Omit<BalancedWebSocketOptions, "heartbeat"> & {
  [name in WithDefault]: NonNullable<BalancedWebSocketOptions[name]>;
} & { heartbeat?: Heartbeat | undefined };

/** The options of a socket, checked, with their defaults. */
export function socketOptions(given?: BalancedWebSocketOptions | null): SocketOptions {
  const options = read(given, socketTable) as SocketOptions;
  if (options.heartbeat) {
    options.heartbeat = read<HeartbeatOptions>(options.heartbeat, heartbeatTable) as Heartbeat;
    if (options.heartbeat.message === undefined) throw new EvenkeelError("bad-option", "heartbeat: it has no message");
  }
  const { allow, signal } = options;
  const noHost = Array.isArray(allow) && allow.find((host) => /[/*?#@\s]/.test(host));
  if (noHost)
    throw new EvenkeelError("bad-option", `allow: hosts expected (no URLs, no wildcards), not ${shown(noHost)}`);
  if (signal && !signal.addEventListener) throw new EvenkeelError("bad-option", "signal: an AbortSignal expected");
  return options;
}

/** The options of a selector, checked. */
export const selectorOptions = (given?: SelectorOptions | null): SelectorOptions => read(given, selectorTable);

/** The options of a class, checked. */
export const classOptions = (given?: WebSocketClassOptions | null): WebSocketClassOptions => read(given, classTable);
