import type { Driver, WasmClass } from "./driver.js";
import type { Server } from "./list.js";

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
  /** What the WebSocket's constructor threw, if it did. */
  cause?: unknown;
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
  emit(type: string, detail: object): void;
}

/** What is there once the wasm is. */
export interface Parts {
  Driver: new (face: Face, settings: Settings) => Driver;
  Core: WasmClass;
}

/** How an entry gets them. */
export type Load = () => Promise<Parts>;
