import { useEffect, useLayoutEffect, useRef, useState, useSyncExternalStore } from "react";
import type { BalancedWebSocketEventMap } from "./events.js";
import { type ObservableSocket, observe, type SocketSnapshot } from "./store.js";

export type { ObservableSocket, PendingRetry, SocketSnapshot } from "./store.js";

/**
 * Before the browser paints, so that what is done with a socket is done in the same go as making it, and no event can be
 * missed. Servers run neither, and React 18 complains of this one there.
 */
const useEarlyEffect = typeof document === "undefined" ? useEffect : useLayoutEffect;

/**
 * Makes a socket when the component is mounted, closes it when it is unmounted, and changes it for another one when one of
 * `dependencies` is another (the rule `react-hooks/exhaustive-deps` can check them, by its option `additionalHooks`). Null
 * before that, and on a server.
 */
export function useBalancedWebSocket<S extends { close(): void }>(
  make: () => S,
  dependencies: readonly unknown[] = [],
): S | null {
  const [socket, setSocket] = useState<S | null>(null);
  useEarlyEffect(() => {
    const made = make();
    setSocket(made);
    return () => {
      made.close();
      setSocket(null);
    };
  }, dependencies);
  return socket;
}

const all = (snapshot: SocketSnapshot): SocketSnapshot => snapshot;
const NOTHING = observe(null).getSnapshot();

/**
 * What a socket is doing now, or what `select` picks of that (a part of it, not a new object each time): the component is
 * rendered again when it is another. Without a socket, on a server and while a page of its is brought to life, it is idle.
 */
export function useSocketState(socket: ObservableSocket | null | undefined): SocketSnapshot;
export function useSocketState<T>(
  socket: ObservableSocket | null | undefined,
  select: (snapshot: SocketSnapshot) => T,
): T;
export function useSocketState(
  socket: ObservableSocket | null | undefined,
  select: (snapshot: SocketSnapshot) => unknown = all,
): unknown {
  const { subscribe, getSnapshot } = observe(socket);
  return useSyncExternalStore(
    subscribe,
    () => select(getSnapshot()),
    () => select(NOTHING),
  );
}

/** Calls a handler, always that of the last rendering, with every event of this kind: `message`, `close`, `drop` and so on. */
export function useSocketEvent<K extends keyof BalancedWebSocketEventMap>(
  socket: Pick<ObservableSocket, "addEventListener" | "removeEventListener"> | null | undefined,
  type: K,
  handler: (event: BalancedWebSocketEventMap[K]) => unknown,
): void {
  const latest = useRef(handler);
  useEarlyEffect(() => {
    latest.current = handler;
  });
  useEarlyEffect(() => {
    const listener = (event: BalancedWebSocketEventMap[K]) => latest.current(event);
    socket?.addEventListener(type, listener);
    return () => socket?.removeEventListener(type, listener);
  }, [socket, type]);
}
