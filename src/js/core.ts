import type { Decision, ListSummary, Probability, Server, ServerStatus } from "./list.js";

/** What the driver needs to know before it starts; times in milliseconds. */
export interface Settings {
  /** How many seeds there are; 0: the list is fixed. */
  seeds: number;
  /** Per seed (and, at 0, for a fixed list) what relative URLs resolve against. */
  bases: string[];
  fixed: unknown;
  seedTimeout: number;
  connectTimeout: number;
  minUptime: number;
  closeTimeout: number;
  randomSeed: number | undefined;
}

/** A seed's answer: the list as plain data, and the response it came in, if it came in one. */
export interface Answer {
  response: Response | undefined;
  document: unknown;
}

/** The end of a connection, or of an attempt at one. */
export interface Closure {
  code: number;
  reason: string;
  wasClean: boolean;
  /** Fire `error` first. */
  errored: boolean;
  /** No other connection follows. */
  final: boolean;
}

/** What the driver asks of the face. None of it throws, except `dial`. */
export interface Face {
  /** Asks a seed; the driver is told the outcome, once, in a later task. */
  ask(seed: number, request: number, signal: AbortSignal): void;
  dial(url: string, server: Server): WebSocket;
  verdict(event: CloseEvent, final: boolean): boolean;
  changed(): void;
  opened(socket: WebSocket, server: Server): void;
  closed(closure: Closure): void;
  emit(type: string, detail: { cause?: string; code?: string }): void;
}

/** The connection, in wasm. */
export interface Driver {
  start(): void;
  close(code: number | undefined, reason: string): void;
  reconnect(): void;
  /** A seed has answered. */
  answered(request: number, response: Response | undefined, document: unknown): void;
  /** A seed could not be asked, or its answer not be read. */
  unanswered(request: number, code: string): void;
  /** An index into the names of the states. */
  state(): number;
  servers(): ServerStatus[];
  snapshot(): object;
  free(): void;
}

/** The decision alone, in wasm. */
export interface Selector {
  update(document: unknown, now: number, base: string): ListSummary;
  select(now: number, lost: string[] | undefined, failures: number | undefined): Decision | null | undefined;
  probabilities(now: number, lost: string[] | undefined, failures: number | undefined): Probability[];
  reportFailure(id: string, now: number, kind: string): void;
  reportSuccess(id: string): void;
  free(): void;
}

/** What is there once the wasm is. */
export interface Core {
  Driver: new (face: Face, settings: Settings) => Driver;
  Selector: new (randomSeed: number | undefined) => Selector;
}

/** How an entry gets its core. */
export type Load = () => Promise<Core>;
