/** What can be told of the page and the network. */
export type PageNews = "offline" | "online" | "wake" | "look" | "hidden" | "asleep";

interface Connection extends EventTarget {
  readonly type?: string;
}

/**
 * Tells what happens to the page and the network around it, where the platform says so: pages, workers, Node. Returns what
 * ends that.
 *
 * `asleep`: the page is put into the back/forward cache or frozen, and its sockets may not live on. `wake`: it is back, or
 * the network is another one. `hidden`: nobody sees it. `look`: it is shown again, and its timers may be late.
 */
export function watchPage(tell: (news: PageNews) => void): () => void {
  const { document, navigator } = globalThis;
  const connection = (navigator as { connection?: Connection } | undefined)?.connection;
  const ends: (() => void)[] = [];
  const on = (target: EventTarget | undefined, type: string, listener: (event: Event) => void): void => {
    target?.addEventListener?.(type, listener);
    ends.push(() => target?.removeEventListener?.(type, listener));
  };
  on(globalThis, "offline", () => tell("offline"));
  on(globalThis, "online", () => tell("online"));
  on(globalThis, "pagehide", (event) => (event as PageTransitionEvent).persisted && tell("asleep"));
  on(globalThis, "pageshow", (event) => (event as PageTransitionEvent).persisted && tell("wake"));
  on(document, "freeze", () => tell("asleep"));
  on(document, "resume", () => tell("wake"));
  on(document, "visibilitychange", () => tell(document.visibilityState === "visible" ? "look" : "hidden"));
  // It fires for every estimate of speed as well; where the kind of network is known, only another one matters.
  let type = connection?.type;
  on(connection, "change", () => {
    if (connection?.type !== type && connection?.type !== "none") tell("wake");
    type = connection?.type;
  });
  if (navigator?.onLine === false) tell("offline");
  if (document?.visibilityState === "hidden") tell("hidden");
  return () => {
    for (const end of ends) end();
  };
}
