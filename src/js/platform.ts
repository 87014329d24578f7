// The platform's types by the platform's names: those of the library that an application is compiled with (`dom`,
// `webworker`, Node's), and where it has none of the name, the least that is used of it.

/** What a class of the platform makes. */
type Instance<Name extends string, Least> = typeof globalThis extends { [name in Name]: { prototype: infer Known } }
  ? Known
  : Least;

interface LeastEvent {
  readonly type: string;
  readonly target: unknown;
  readonly timeStamp: number;
}

interface LeastMessageEvent extends LeastEvent {
  // biome-ignore lint/suspicious/noExplicitAny: as the standard's
  readonly data: any;
  readonly origin: string;
}

interface LeastCloseEvent extends LeastEvent {
  readonly code: number;
  readonly reason: string;
  readonly wasClean: boolean;
}

interface LeastEventTarget {
  addEventListener(
    type: string,
    listener: ((event: Event) => unknown) | { handleEvent(event: Event): unknown } | null,
    options?: boolean | { capture?: boolean; once?: boolean; passive?: boolean; signal?: AbortSignal },
  ): void;
  removeEventListener(
    type: string,
    listener: ((event: Event) => unknown) | { handleEvent(event: Event): unknown } | null,
    options?: boolean | { capture?: boolean },
  ): void;
  dispatchEvent(event: Event): boolean;
}

interface LeastAbortSignal extends LeastEventTarget {
  readonly aborted: boolean;
  readonly reason: unknown;
}

interface LeastWebSocket extends LeastEventTarget {
  readonly CONNECTING: 0;
  readonly OPEN: 1;
  readonly CLOSING: 2;
  readonly CLOSED: 3;
  readonly url: string;
  readonly protocol: string;
  readonly extensions: string;
  readonly readyState: number;
  readonly bufferedAmount: number;
  binaryType: BinaryType;
  onopen: ((this: WebSocket, event: Event) => unknown) | null;
  onmessage: ((this: WebSocket, event: MessageEvent) => unknown) | null;
  onerror: ((this: WebSocket, event: Event) => unknown) | null;
  onclose: ((this: WebSocket, event: CloseEvent) => unknown) | null;
  send(data: string | ArrayBuffer | ArrayBufferView | Blob): void;
  close(code?: number, reason?: string): void;
}

interface LeastBlob {
  readonly size: number;
  readonly type: string;
  arrayBuffer(): Promise<ArrayBuffer>;
  text(): Promise<string>;
}

interface LeastUrl {
  readonly href: string;
  readonly protocol: string;
  readonly host: string;
  readonly hostname: string;
  readonly port: string;
  readonly pathname: string;
  readonly search: string;
  readonly hash: string;
}

interface LeastResponse {
  readonly ok: boolean;
  readonly redirected: boolean;
  readonly status: number;
  readonly url: string;
  readonly headers: { get(name: string): string | null };
  text(): Promise<string>;
}

interface LeastRequestInit {
  credentials?: "include" | "omit" | "same-origin";
  headers?: Record<string, string>;
}

type LeastFetch = (url: string, init?: LeastRequestInit) => Promise<LeastResponse>;

export type Event = Instance<"Event", LeastEvent>;
export type MessageEvent = Instance<"MessageEvent", LeastMessageEvent>;
export type CloseEvent = Instance<"CloseEvent", LeastCloseEvent>;
export type EventTarget = Instance<"EventTarget", LeastEventTarget>;
export type AbortSignal = Instance<"AbortSignal", LeastAbortSignal>;
export type WebSocket = Instance<"WebSocket", LeastWebSocket>;
export type Blob = Instance<"Blob", LeastBlob>;
export type URL = Instance<"URL", LeastUrl>;
export type Response = Instance<"Response", LeastResponse>;

export type Fetch = typeof globalThis extends { fetch: infer Known extends (...given: never[]) => unknown }
  ? Known
  : LeastFetch;
export type RequestInit = NonNullable<Parameters<Fetch>[1]>;

/** A compiled module, which TypeScript knows nothing of that a number has not; nothing is one where none are known. */
export type WebAssemblyModule = typeof globalThis extends { WebAssembly: { Module: { prototype: infer Known } } }
  ? Known & object
  : never;

export type BinaryType = "arraybuffer" | "blob";
export type Sendable = Parameters<WebSocket["send"]>[0];

export type Listener = Parameters<EventTarget["addEventListener"]>[1];
export type AddListenerOptions = Parameters<EventTarget["addEventListener"]>[2];
export type RemoveListenerOptions = Parameters<EventTarget["removeEventListener"]>[2];

/** What is used of a WebSocket: that of `ws`, for Node, has it too. */
export interface AnyWebSocket {
  readonly url: string;
  readonly protocol: string;
  readonly extensions: string;
  readonly readyState: number;
  readonly bufferedAmount: number;
  binaryType: string;
  // biome-ignore-start lint/suspicious/noExplicitAny: each has events of its own
  onopen: any;
  onmessage: any;
  onerror: any;
  onclose: any;
  send(data: any): void;
  // biome-ignore-end lint/suspicious/noExplicitAny: each has events of its own
  close(code?: number, reason?: string): void;
}
