import type { EvenkeelError } from "./errors.js";
import type { Decision, DroppedEntry, ListSummary } from "./list.js";
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
export interface SocketErrorEvent extends Event {
  /** What is known beyond the fact: pages learn nothing of why an attempt failed. */
  readonly error?: EvenkeelError;
}

/** `statechange`: `state` is another one. */
export interface StateChangeEvent extends Event {
  readonly state: SocketState;
}

/** `list`: a list came into force. */
export interface ListEvent extends Event, ListSummary {
  /** As the list has it. */
  readonly version?: string;
  /** How old the counts were when the list was made, in seconds; null where it does not say. */
  readonly age: number | null;
  /** How long the list may be relied on, in seconds. */
  readonly ttl: number;
  readonly dropped: DroppedEntry[];
  /** Which seed it is from, by its position in the first argument. */
  readonly seed: number;
}

/** `decision`: a server was chosen. */
export interface DecisionEvent extends Event, Decision {}

/** `retry`: there is something to wait for. */
export interface RetryEvent extends Event {
  /** Milliseconds until then. */
  readonly delay: number;
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
export interface DropEvent extends Event {
  readonly messages: readonly Message[];
  readonly reason: "overflow" | "closed";
}

/** The events of a socket, by kind. */
export interface BalancedWebSocketEventMap {
  open: Event;
  message: MessageEvent;
  error: SocketErrorEvent;
  close: CloseEvent;
  statechange: StateChangeEvent;
  list: ListEvent;
  decision: DecisionEvent;
  retry: RetryEvent;
  drop: DropEvent;
}

/** An event with fields of its own. */
export const makeEvent = (type: string, fields?: object): Event => Object.assign(new Event(type), fields);

/** A `CloseEvent`, or where the platform has none (Node before 23) an event that looks like one. */
export const makeCloseEvent = (init: { code: number; reason: string; wasClean: boolean }): Event =>
  typeof CloseEvent === "function" ? new CloseEvent("close", init) : makeEvent("close", init);
