import type { EvenkeelError } from "./errors.js";
import type { Decision, DroppedEntry, ListSummary, Server } from "./list.js";
import type * as Platform from "./platform.js";
import type { Message } from "./queue.js";

/** What a socket is doing. */
export type SocketState = (typeof states)[number];

/** The states, by the numbers that the core gives them. */
export const states = [
  "idle",
  "connecting",
  "open",
  "reconnecting",
  "migrating",
  "offline",
  "closing",
  "closed",
] as const;

/** `error`: an attempt failed, or the socket cannot work here at all. */
export interface SocketErrorEvent extends Platform.Event {
  /** What is known beyond the fact: pages learn nothing of why an attempt failed. */
  readonly error?: EvenkeelError;
}

/** `statechange`: `state` is another one. */
export interface StateChangeEvent extends Platform.Event {
  readonly state: SocketState;
}

/** `list`: a list came into force. */
export interface ListEvent extends Platform.Event, ListSummary {
  /** As the list has it. */
  readonly version?: string;
  /** How old the counts were when the list was made, in seconds; null where it does not say. */
  readonly age: number | null;
  /** How long the list may be relied on, in seconds. */
  readonly ttl: number;
  /** The entries that were left out, and why. */
  readonly dropped: DroppedEntry[];
  /** Which seed it is from, by its position in the first argument; null: from elsewhere. */
  readonly seed: number | null;
}

/** `close`: a connection or an attempt has ended. */
export interface SocketCloseEvent extends Platform.CloseEvent {
  /** It was left for another one, which stands already: `open` follows at once. `reason` says why. */
  readonly moved: boolean;
  /**
   * Bytes that were handed to the browser, and after which nothing has arrived: they may or may not have reached the
   * server.
   */
  readonly handedOver: number;
}

/** `migrate`: the connection is another one, prepared as the one before was. */
export interface MigrateEvent extends Platform.Event {
  readonly from: Server;
  readonly to: Server;
  /**
   * The list asks to leave (`drain`), a better group has room again (`failback`), the server had more than its part
   * (`rebalance`), the clients of the key meet elsewhere (`affinity`), `migrate()` was called (`requested`), nobody could
   * tell whether the connection had outlived a sleep (`wake`), or the new one was lost at once (`return`).
   */
  readonly reason: "drain" | "failback" | "rebalance" | "affinity" | "requested" | "wake" | "return" | (string & {});
  /** As of a `close` event: of the connection before, which goes on delivering for a while. */
  readonly handedOver: number;
}

/** `decision`: a server was chosen. */
export interface DecisionEvent extends Platform.Event, Decision {}

/** `retry`: there is something to wait for. */
export interface RetryEvent extends Platform.Event {
  /** Milliseconds until then. */
  readonly delay: number;
  /**
   * What made it necessary: `crash`, `short-lived`, `refused`, `overload`, `sent-away`, `local`, `credentials`,
   * `nothing-eligible`, or how a seed failed (`seed-timeout` and the like).
   */
  readonly cause: string;
  /** The losses and failed attempts to connect since things were last well; seeds that fail do not count. */
  readonly attempt: number;
  /** How a seed failed, where it was one. */
  readonly code?: string;
  /** What was wrong with the entries of a list that has no usable server. */
  readonly dropped?: DroppedEntry[];
  /** The same with its remedy and, where known, its cause. */
  readonly error?: EvenkeelError;
}

/** `drop`: these messages will not be sent. */
export interface DropEvent extends Platform.Event {
  readonly messages: readonly Message[];
  /** The queue was full, or the socket was closed for good. */
  readonly reason: "overflow" | "closed";
}

/** The events of a socket, by kind. */
export interface BalancedWebSocketEventMap {
  /** A connection stands: the first one, each that follows a loss, and each that was moved to without `prepare`. */
  open: Platform.Event;
  /** Something arrived, on this connection or on the one before while it lingers; answers to heartbeats are kept back. */
  message: Platform.MessageEvent;
  /** Before the `close` of an attempt that failed, and of a connection that broke. */
  error: SocketErrorEvent;
  /** A connection was lost or left, an attempt failed, or it is over: then `readyState` is CLOSED. */
  close: SocketCloseEvent;
  /** With every change of `state`, before the event that tells what happened. */
  statechange: StateChangeEvent;
  /** With every list that comes into force: from a seed, storage or `fallback`, and by `update()`. */
  list: ListEvent;
  /** Before each attempt. */
  decision: DecisionEvent;
  /** After a move with `prepare`. */
  migrate: MigrateEvent;
  /** With each wait for another attempt, and each time a seed has failed. */
  retry: RetryEvent;
  /** When messages that were sent are given up: the queue is full, or it is over. */
  drop: DropEvent;
}

/** An event with fields of its own. */
export const makeEvent = (type: string, fields?: object): Platform.Event => Object.assign(new Event(type), fields);

/**
 * A `MessageEvent`. What it says is put onto it: to read it out of the constructor's second argument takes engines longer
 * than all the rest, as Chromium parses the origin each time.
 */
export function makeMessageEvent(data: unknown, origin: string | undefined): Platform.MessageEvent {
  const event = new MessageEvent("message");
  Object.defineProperty(event, "data", { value: data });
  // Other sockets than the platform's may not know it.
  return Object.defineProperty(event, "origin", { value: origin ?? "" });
}

/** A `CloseEvent`, or where the platform has none (Node before 23) an event that looks like one. */
export const makeCloseEvent = (
  init: { code: number; reason: string; wasClean: boolean },
  more: { moved: boolean; handedOver: number },
): Platform.Event =>
  Object.assign(typeof CloseEvent === "function" ? new CloseEvent("close", init) : makeEvent("close", init), more);
