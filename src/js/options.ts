import { EvenkeelError } from "./errors.js";
import type { Overflow } from "./queue.js";

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
  request?: RequestInit | ((seed: string) => RequestInit | Promise<RequestInit>) | undefined;
  /**
   * How long one connection may take to open before the server counts as overloaded.
   * Default: 10,000, since an overloaded server that still accepts should not be hurried into accepting twice.
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
  shouldReconnect?: ((event: CloseEvent) => boolean | undefined) | undefined;
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
  signal?: AbortSignal | undefined;
  /** Default: the platform's `WebSocket`. */
  WebSocket?: new (
    url: string,
    protocols?: string[],
  ) => WebSocket;
  /** Default: the platform's `fetch`. */
  fetch?: typeof fetch | undefined;
  /** Makes the draws repeatable: an integer, 0 to 2⁵³ − 1. Default: from the platform's cryptographic source. */
  randomSeed?: number | undefined;
  /**
   * Called with everything that happens but messages: the kind of event with the event before it is dispatched, and
   * the code of a failed request with its error. Default: nothing is logged.
   */
  log?: ((kind: string, detail: Event | EvenkeelError) => void) | undefined;
}

/** The options of `createSelector`. */
export interface SelectorOptions {
  /** Makes the draws repeatable: an integer, 0 to 2⁵³ − 1. Default: from the platform's cryptographic source. */
  randomSeed?: number | undefined;
  /** What relative URLs of a list resolve against. Default: the page's or worker's own URL, if there is one. */
  base?: string | URL | undefined;
}

const milliseconds = "number from 1 to 2147483647";
const count = "number from 0 to 9007199254740991";

/** Per option what it may be, in words that serve as a message too, and its default. */
type Table<T> = { [name in keyof T]-?: readonly [kind: string, byDefault?: T[name]] };

const socketTable: Table<BalancedWebSocketOptions> = {
  seedTimeout: [milliseconds, 5_000],
  request: ["object or function"],
  connectTimeout: [milliseconds, 10_000],
  minUptime: [count, 30_000],
  closeTimeout: [milliseconds, 5_000],
  shouldReconnect: ["function"],
  queueMessages: [count, 1_000],
  queueBytes: [count, 1_048_576],
  overflow: ["'throw' or 'drop-oldest' or 'drop-newest'", "throw"],
  autoConnect: ["boolean", true],
  signal: ["object"],
  WebSocket: ["function"],
  fetch: ["function"],
  randomSeed: [count],
  log: ["function"],
};

const selectorTable: Table<SelectorOptions> = {
  randomSeed: [count],
  base: ["string or object"],
};

/** Is this value what the words say? */
function fits(value: unknown, kind: string): boolean {
  const [, least, most] = /^number from (\d) to (\d+)$/.exec(kind) ?? [];
  if (least) return typeof value === "number" && value >= +least && value <= Number(most);
  const alternatives = kind.split(" or ");
  return alternatives.includes(typeof value) || alternatives.includes(`'${String(value)}'`);
}

/**
 * The options given, over the defaults. One that does not exist or is not of its kind is an error; undefined and null
 * are as good as left out.
 */
function read<T extends object>(given: T | null | undefined, table: Table<T>): T {
  const options: Record<string, unknown> = {};
  for (const [name, [, byDefault]] of Object.entries<Table<T>[keyof T]>(table)) options[name] = byDefault;
  for (const [name, value] of Object.entries(given ?? {})) {
    if (value == null) continue;
    if (!Object.hasOwn(table, name)) throw new EvenkeelError("bad-option", `there is no ${name}`);
    const [kind] = table[name as keyof T];
    if (!fits(value, kind)) {
      throw new EvenkeelError("bad-option", `${name}: ${kind} expected, not ${String(value)}`);
    }
    options[name] = value;
  }
  return options as T;
}

type WithDefault =
  | "seedTimeout"
  | "connectTimeout"
  | "minUptime"
  | "closeTimeout"
  | "queueMessages"
  | "queueBytes"
  | "overflow"
  | "autoConnect";

/** The options of a socket as it works with them: those that have defaults are there. */
export type SocketOptions = BalancedWebSocketOptions & {
  [name in WithDefault]: NonNullable<BalancedWebSocketOptions[name]>;
};

/** The options of a socket, checked, with their defaults. */
export const socketOptions = (given?: BalancedWebSocketOptions | null): SocketOptions =>
  read(given, socketTable) as SocketOptions;

/** The options of a selector, checked. */
export const selectorOptions = (given?: SelectorOptions | null): SelectorOptions => read(given, selectorTable);
