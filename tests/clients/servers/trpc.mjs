import { initTRPC, tracked } from "@trpc/server";
import { applyWSSHandler } from "@trpc/server/adapters/ws";
import { WebSocketServer } from "ws";
import { fedAfter } from "./feed.mjs";

export function serve(server) {
  const { procedure, router } = initTRPC.create();
  const ticks = procedure
    .input((input) => input)
    .subscription(async function* ({ input, signal }) {
      // A new one begins here and now; one that comes back where it stopped.
      const last = input.lastEventId ?? (await fedAfter(Infinity, { signal }).next()).value;
      for await (const n of fedAfter(Number(last), { signal })) yield tracked(String(n), n);
    });
  const now = procedure.query(() => Date.now());
  applyWSSHandler({ wss: new WebSocketServer({ server, path: "/trpc" }), router: router({ now, ticks }) });
}
