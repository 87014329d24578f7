// graphql-ws: subscriptions and queries, against its own server on `ws`.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ofOurs } from "./support/fleet.mjs";
import { loseServers } from "./support/loss.mjs";
import { ENGINES } from "./support/stage.mjs";

for (const engine of ENGINES)
  test(`graphql-ws subscribes again at another server, in ${engine}`, () =>
    loseServers({
      library: "graphql-ws",
      engine,
      start: () => ofOurs("graphql-ws"),
      fed: true,
      run: "a subscription that streams, and queries beside it",
      meanwhile: async (stage) => assert.ok((await stage.call("ask", "query")) > 0),
      lost: ({ missing, repeated }) => {
        assert.ok(missing > 0, "a subscription made anew knows nothing of what came between");
        assert.equal(repeated, 0);
        return `${missing} of the subscription's events, those between`;
      },
    }));
