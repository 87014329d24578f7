// Centrifuge: a subscription, against a server of ours that speaks its protocol.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ofOurs } from "./support/fleet.mjs";
import { loseServers } from "./support/loss.mjs";
import { ENGINES } from "./support/stage.mjs";

for (const engine of ENGINES)
  test(`a Centrifuge subscription is renewed at another server, in ${engine}`, () =>
    loseServers({
      library: "centrifuge",
      engine,
      start: () => ofOurs("centrifuge"),
      fed: true,
      run: "a subscription that streams, and calls beside it",
      meanwhile: async (stage) => assert.ok((await stage.call("ask", "query")) > 0),
      lost: ({ missing, repeated }) => {
        assert.ok(missing > 0, "this server knows nothing of what came between");
        assert.equal(repeated, 0);
        return `${missing} of the stream, those between`;
      },
    }));
