import { buildSchema } from "graphql";
import { useServer } from "graphql-ws/use/ws";
import { WebSocketServer } from "ws";
import { fed } from "./feed.mjs";

export function serve(server) {
  const schema = buildSchema("type Query { now: Float! } type Subscription { ticks: Int! }");
  const roots = {
    query: { now: () => Date.now() },
    subscription: {
      async *ticks() {
        for await (const ticks of fed()) yield { ticks };
      },
    },
  };
  useServer({ schema, roots }, new WebSocketServer({ server, path: "/graphql" }));
}
