import type { Driver, WasmClass } from "./driver.js";
import type { Server } from "./list.js";
import type { SocketOptions } from "./options.js";
import type * as Platform from "./platform.js";
import type { Plan } from "./source.js";
import type { Arrival, Opinions } from "./view.js";

/** What the driver needs to know: the options that are the core's business, the plan, and what there is beside. */
export interface Settings
  extends Pick<
      SocketOptions,
      | "seedTimeout"
      | "refreshInterval"
      | "watch"
      | "credentialTimeout"
      | "connectTimeout"
      | "minUptime"
      | "closeTimeout"
      | "silenceTimeout"
      | "linger"
      | "hedge"
      | "failback"
      | "rebalance"
      | "affinity"
      | "randomSeed"
    >,
    Plan,
    Opinions {
  heartbeat?: { interval: number; timeout: number } | undefined;
  /** Whether the application prepares each connection. */
  prepare?: unknown;
  /** A list for when no other can be had. */
  fallback?: unknown;
  /** The list of an earlier visit. */
  cached?: Cached | undefined;
  /** It keeps list and memory for connections that are chosen once, and has none of its own. */
  keeps?: boolean;
}

/** A list as it was kept from an earlier visit, so many milliseconds ago. */
export type Cached = Arrival & { ago: number };

/** A seed's answer: the list as plain data, and the response it came in, if it came in one. */
export interface Answer {
  response: Platform.Response | undefined;
  document: unknown;
  /** When it came, by `performance.now()`. */
  at: number;
}

/** How a connection, or an attempt at one, ended. */
export interface Ending {
  code: number;
  reason: string;
  wasClean: boolean;
  /** Fire `error` first. */
  errored: boolean;
  /** The next connection stands already, and follows at once. */
  moved?: boolean;
  /** What is known beyond that. */
  error?: unknown;
}

/** The same, and what follows. */
export interface Closure extends Ending {
  /** No other connection follows. */
  final: boolean;
}

/** Where to connect, and with which protocols. */
export interface Credentials {
  url: string;
  protocols: string[];
}

/** What the driver asks of the face. None of it throws, except `dial`. */
export interface Face {
  /** Asks a seed; the driver is told the outcome, once, in a later task. For a stream, it is told of all that arrives. */
  ask(seed: number, request: number, signal: Platform.AbortSignal, watches: boolean): void;
  /** Asks the application, if it wants to be asked. */
  credentials: ((server: Server) => Promise<Credentials>) | undefined;
  /** This is where the way leads now. */
  chose(url: string, server: Server): void;
  /** `beside`: there is a connection or an attempt that goes on meanwhile. */
  dial(url: string, protocols: string[] | undefined, server: Server, beside: boolean): Platform.WebSocket;
  prepare(socket: Platform.WebSocket, server: Server): Promise<unknown>;
  verdict(event: Platform.CloseEvent, final: boolean): boolean;
  changed(): void;
  opened(socket: Platform.WebSocket, server: Server): void;
  migrated(socket: Platform.WebSocket, server: Server, reason: string): void;
  /** Something arrived, on the connection or on one that it has replaced. */
  message(event: Platform.MessageEvent): void;
  /** Sends the application's ping. False if it could not. */
  beat(socket: Platform.WebSocket): boolean;
  closed(closure: Closure): void;
  /** A list from a seed is in force. */
  remember(list: Arrival): void;
  emit(type: string, detail: object): void;
}

/** What a socket asks of a driver. */
export type Drives = Pick<
  Driver,
  | "start"
  | "close"
  | "reconnect"
  | "migrate"
  | "refresh"
  | "update"
  | "answered"
  | "unanswered"
  | "state"
  | "servers"
  | "snapshot"
  | "free"
>;

/** What a socket needs to be driven. */
export interface Driven<D extends Drives = Drives> {
  Driver: new (face: Face, settings: Settings) => D;
}

/** What is there once the wasm is. */
export interface Parts extends Driven<Driver> {
  Core: WasmClass;
}

/** How an entry gets it. */
export type Load = () => Promise<Parts>;
