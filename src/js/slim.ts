import { makeClass, type WebSocketClass } from "./class.js";
import { load } from "./load.js";
import type { BalancedWebSocketOptions, SelectorOptions, WebSocketClassOptions } from "./options.js";
import type * as Platform from "./platform.js";
import { makeSelector, type Selector } from "./selector.js";
import { Socket } from "./socket.js";
import type { Source } from "./source.js";

export * from "./api.js";

/** Where the `.wasm` is. */
export type WasmSource =
  | string
  | Platform.URL
  | Platform.Response
  | ArrayBuffer
  | ArrayBufferView
  | Platform.WebAssemblyModule;

/** What this entry's options have on top. */
export interface WasmOption {
  /**
   * The `.wasm`: a URL of it, a `Response`, its bytes, or the compiled module. All sockets and selectors share one
   * instance, so the option of the first one counts. Default: `evenkeel.wasm` beside this module.
   */
  wasm?: WasmSource | PromiseLike<WasmSource>;
}

const from = (wasm: WasmOption["wasm"]) => () => load(() => wasm ?? new URL("./evenkeel.wasm", import.meta.url));

/** A WebSocket that chooses its own server, and comes back. */
export class BalancedWebSocket extends Socket {
  constructor(
    source: Source,
    protocols: string | readonly string[] = [],
    { wasm, ...options }: BalancedWebSocketOptions & WasmOption = {},
  ) {
    super(from(wasm), source, protocols, options);
  }
}

/** The decision alone, for Node, tests and other transports. */
export const createSelector = ({ wasm, ...options }: SelectorOptions & WasmOption = {}): Promise<Selector> =>
  makeSelector(from(wasm), options);

/** A `WebSocket` class for libraries that do their own reconnecting: each instance chooses a server once, and really closes. */
export const createWebSocketClass = (
  seed: Source,
  { wasm, ...options }: WebSocketClassOptions & WasmOption = {},
): WebSocketClass => makeClass(from(wasm), seed, options);
