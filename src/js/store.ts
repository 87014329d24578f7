import { type EvenkeelError, report } from "./errors.js";
import type { RetryEvent, SocketState } from "./events.js";
import type { Server, ServerStatus } from "./list.js";
import type { Socket } from "./socket.js";

/** What can be observed: a `BalancedWebSocket` of either entry, or what looks like one. */
export type ObservableSocket = Pick<
  Socket,
  "state" | "readyState" | "server" | "servers" | "url" | "protocol" | "addEventListener" | "removeEventListener"
>;

/** What is waited for before the next try. */
export interface PendingRetry extends Pick<RetryEvent, "delay" | "cause" | "attempt" | "code"> {
  /** When it will be, on the `Date.now()` scale: `delay` as it was then does not count down. */
  readonly at: number;
}

/** What a socket was at one moment. It never changes; the next one is another object. */
export interface SocketSnapshot {
  readonly state: SocketState;
  readonly readyState: 0 | 1 | 2 | 3;
  /** The server of the connection or of the attempt under way; null when there is neither. */
  readonly server: Server | null;
  readonly url: string;
  readonly protocol: string;
  /** Null while it stands, while an attempt is under way, and after the end. That of a seed gives way to any other. */
  readonly retry: PendingRetry | null;
  /** How the last connection or attempt ended; null once another one stands. */
  readonly lastClose: { readonly code: number; readonly reason: string; readonly wasClean: boolean } | null;
  /** What is known of the last failure; null once a connection stands. */
  readonly error: EvenkeelError | null;
  /** The list as the client saw it when this was first read of this snapshot: nobody else pays for it. */
  readonly servers: readonly ServerStatus[];
}

/** What user interfaces subscribe to: React's external store and Svelte's store contract in one. */
export interface SocketStore {
  /**
   * Calls `run` at once with the present snapshot, and with every other one, until the function that it returns is called.
   * What happens in one go, such as the end of one connection and the beginning of the next, is told once, in a microtask.
   */
  subscribe(run: (snapshot: SocketSnapshot) => void): () => void;
  /** The present snapshot: the same object until something happens. */
  getSnapshot(): SocketSnapshot;
}

/** What makes another snapshot. Messages do not: whoever wants them listens to the socket. */
const KINDS = ["statechange", "open", "error", "close", "list", "decision", "migrate", "retry"] as const;

/** What there is to see while there is no socket. */
const NOTHING: SocketSnapshot = Object.freeze({
  state: "idle",
  readyState: 0,
  server: null,
  url: "",
  protocol: "",
  retry: null,
  lastClose: null,
  error: null,
  servers: [],
});

const stores = new WeakMap<ObservableSocket, SocketStore>();

/** The store of a socket, always the same one; without a socket, as on a server that renders pages, one that stays idle. */
export function observe(socket: ObservableSocket | null | undefined): SocketStore {
  if (!socket) return idle;
  let store = stores.get(socket);
  if (!store) {
    store = makeStore(socket);
    stores.set(socket, store);
  }
  return store;
}

const idle: SocketStore = {
  subscribe(run) {
    run(NOTHING);
    return () => {};
  },
  getSnapshot: () => NOTHING,
};

function makeStore(socket: ObservableSocket): SocketStore {
  let retry: SocketSnapshot["retry"] = null;
  let lastClose: SocketSnapshot["lastClose"] = null;
  let error: SocketSnapshot["error"] = null;
  let snapshot: SocketSnapshot | undefined;
  let told = true;
  const listeners = new Set<() => void>();

  const take = (): SocketSnapshot => {
    const { state, readyState, server, url, protocol } = socket;
    let servers: readonly ServerStatus[] | undefined;
    const present = { state, readyState, server, url, protocol, retry, lastClose, error };
    return Object.freeze(
      Object.defineProperty(present as SocketSnapshot, "servers", {
        enumerable: true,
        get() {
          servers ??= socket.servers;
          return servers;
        },
      }),
    );
  };

  const getSnapshot = (): SocketSnapshot => {
    snapshot ??= take();
    return snapshot;
  };

  const tell = (): void => {
    told = true;
    // Also what changed after the listeners of the last event had returned.
    snapshot = undefined;
    for (const listener of listeners) {
      try {
        listener();
      } catch (thrown) {
        report(thrown);
      }
    }
  };

  const changed = (): void => {
    if (socket.readyState) retry = null;
    if (socket.readyState === 1) {
      lastClose = null;
      error = null;
    }
    snapshot = undefined;
    if (told) queueMicrotask(tell);
    told = false;
  };

  socket.addEventListener("retry", ({ delay, cause, attempt, code, error: why }) => {
    const pending = { at: Date.now() + delay, delay, cause, attempt };
    if (code === undefined) retry = pending;
    else if (!retry || retry.code) retry = { ...pending, code };
    error = why ?? error;
  });
  socket.addEventListener("error", ({ error: why }) => {
    error = why ?? error;
  });
  socket.addEventListener("close", ({ code, reason, wasClean }) => {
    lastClose = { code, reason, wasClean };
  });
  socket.addEventListener("decision", () => {
    retry = null;
  });
  for (const kind of KINDS) socket.addEventListener(kind, changed);

  return {
    subscribe(run) {
      run(getSnapshot());
      const listener = () => run(getSnapshot());
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    getSnapshot,
  };
}
