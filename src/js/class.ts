import type { Load } from "./core.js";
import type { Driver } from "./driver.js";
import type { SocketErrorEvent } from "./events.js";
import type { Server, ServerStatus } from "./list.js";
import { classOptions, socketOptions, type WebSocketClassOptions } from "./options.js";
import type * as Platform from "./platform.js";
import { Single } from "./single.js";
import { Socket } from "./socket.js";
import { parseFallback, parseSource, type Source } from "./source.js";
import { parseProtocols, parseUrl } from "./validate.js";

/** One connection, chosen once: a `WebSocket`, and what it knows of its server. */
export interface BalancedConnection extends Platform.WebSocket {
  /** The server chosen; null before, and after the end. */
  readonly server: Server | null;
  /** The list as the class sees it now, in its order; empty while there is none. */
  readonly servers: ServerStatus[];
  /** Everything a bug report needs, as plain JSON. */
  snapshot(): Record<string, unknown>;
}

/** What `createWebSocketClass` makes, to be used wherever a `WebSocket` constructor is asked for. */
export interface WebSocketClass {
  new (url: string | Platform.URL, protocols?: string | string[]): BalancedConnection;
  readonly prototype: BalancedConnection;
  readonly CONNECTING: 0;
  readonly OPEN: 1;
  readonly CLOSING: 2;
  readonly CLOSED: 3;
}

/** The server's place, and what was asked for there. A path of just "/" asks for nothing. */
function combined({ url }: Server, { pathname, search }: URL): URL {
  const target = new URL(url);
  if (pathname !== "/") target.pathname = target.pathname.replace(/\/$/, "") + pathname;
  if (search) target.search = target.search ? `${target.search}&${search.slice(1)}` : search;
  return target;
}

/** A class whose instances choose a server once, and share one list and one memory of which servers failed. */
export function makeClass(load: Load, seed: Source, given?: WebSocketClassOptions): WebSocketClass {
  parseSource(seed);
  const { url: where, affinity, ...options } = classOptions(given);
  const common = { ...options, ...(typeof affinity === "string" && { affinity }), autoConnect: false };
  // What is wrong is said here, and not when the first connection is wanted.
  parseFallback(socketOptions(common).fallback);
  let kept: Promise<Driver> | undefined;

  /** The list and the memory: of a socket that never connects, but decides for those that do. One that broke is made anew. */
  const keeper = (): Promise<Driver> => {
    kept ??= new Promise((resolve, reject) => {
      const socket = new Socket(load, seed, [], common, { kept: resolve });
      socket.onerror = ({ error }: SocketErrorEvent) => {
        kept = undefined;
        reject(error);
      };
      socket.connect();
    });
    return kept;
  };

  return class BalancedConnection extends Socket {
    constructor(url: string | URL, protocols: string | string[] = []) {
      // biome-ignore lint/complexity/noArguments: an argument that is undefined is a URL, one that is missing is not
      if (!arguments.length) throw new TypeError("a URL expected");
      const names = parseProtocols(protocols);
      const { href } = parseUrl(url);
      const requested = href.replace(/^http/, "ws");
      const key = typeof affinity === "function" ? affinity(new URL(requested)) : undefined;
      const own = { ...options, url: (server: Server) => (where ?? combined)(server, new URL(requested)) };
      const driven = async () => ({ Driver: Single.bind(null, await keeper(), key) });
      super(driven, [requested], names, own, { requested });
    }
  } as unknown as WebSocketClass;
}
