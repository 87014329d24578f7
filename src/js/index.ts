import { makeClass, type WebSocketClass } from "./class.js";
import { load } from "./load.js";
import type { BalancedWebSocketOptions, SelectorOptions, WebSocketClassOptions } from "./options.js";
import { makeSelector, type Selector } from "./selector.js";
import { Socket } from "./socket.js";
import type { Source } from "./source.js";
import { base64 } from "./wasm-inline.js";

export * from "./api.js";

/** TypeScript does not know it yet, nor do browsers from before 2025. */
const bytes: typeof Uint8Array & { fromBase64?(text: string): Uint8Array<ArrayBuffer> } = Uint8Array;

/** As a response, so that the browser compiles while it inflates. */
function inlinedWasm(): Response {
  // Character by character takes longer than all that follows; and a blob would be sent to another process and back.
  const deflated = bytes.fromBase64?.(base64) ?? Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  const { body } = new Response(deflated);
  const wasm = (body as NonNullable<typeof body>).pipeThrough(new DecompressionStream("deflate"));
  return new Response(wasm, { headers: { "content-type": "application/wasm" } });
}

const inlined = () => load(inlinedWasm);

/** A WebSocket that chooses its own server, and comes back. */
export class BalancedWebSocket extends Socket {
  constructor(source: Source, protocols: string | readonly string[] = [], options?: BalancedWebSocketOptions) {
    super(inlined, source, protocols, options);
  }
}

/** The decision alone, for Node, tests and other transports. */
export const createSelector = (options?: SelectorOptions): Promise<Selector> => makeSelector(inlined, options);

/** A `WebSocket` class for libraries that do their own reconnecting: each instance chooses a server once, and really closes. */
export const createWebSocketClass = (seed: Source, options?: WebSocketClassOptions): WebSocketClass =>
  makeClass(inlined, seed, options);
