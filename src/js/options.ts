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
   * Is a connection to follow the one, or the attempt, that ended so? Not asked after `close()`.
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

const socketKinds = {
  seedTimeout: milliseconds,
  request: "object or function",
  connectTimeout: milliseconds,
  minUptime: count,
  closeTimeout: milliseconds,
  shouldReconnect: "function",
  queueMessages: count,
  queueBytes: count,
  overflow: "'throw' or 'drop-oldest' or 'drop-newest'",
  autoConnect: "boolean",
  signal: "object",
  WebSocket: "function",
  fetch: "function",
  randomSeed: count,
  log: "function",
} satisfies Record<keyof BalancedWebSocketOptions, string>;

const socketDefaults = {
  seedTimeout: 5_000,
  connectTimeout: 10_000,
  minUptime: 30_000,
  closeTimeout: 5_000,
  queueMessages: 1_000,
  queueBytes: 1_048_576,
  overflow: "throw" as Overflow,
  autoConnect: true,
};

/** Is this value what the text says? The texts serve as messages, too. */
function fits(value: unknown, kind: string): boolean {
  const [, least, most] = /^number from (\d) to (\d+)$/.exec(kind) ?? [];
  if (least) return typeof value === "number" && value >= +least && value <= Number(most);
  const alternatives = kind.split(" or ");
  return alternatives.includes(typeof value) || alternatives.includes(`'${String(value)}'`);
}

/** The options given; one that does not exist or is not of its kind is an error, undefined and null are none. */
function check<T extends object>(given: T | null | undefined, kinds: Record<string, string>): T {
  const entries = Object.entries(given ?? {}).filter(([, value]) => value != null);
  for (const [name, value] of entries) {
    const kind = (Object.hasOwn(kinds, name) && kinds[name]) || "";
    if (!fits(value, kind)) {
      throw new EvenkeelError(
        "bad-option",
        kind ? `${name}: ${kind} expected, not ${String(value)}` : `there is no option ${name}`,
      );
    }
  }
  return Object.fromEntries(entries) as T;
}

/** The options of a socket as it works with them: those that have defaults are there. */
export type SocketOptions = Omit<BalancedWebSocketOptions, keyof typeof socketDefaults> & typeof socketDefaults;

/** The options of a socket, checked, with their defaults. */
export const socketOptions = (given?: BalancedWebSocketOptions | null): SocketOptions =>
  ({ ...socketDefaults, ...check(given, socketKinds) }) as SocketOptions;

/** The options of a selector, checked. */
export const selectorOptions = (given?: SelectorOptions | null): SelectorOptions =>
  check(given, { randomSeed: count, base: "string or object" });
