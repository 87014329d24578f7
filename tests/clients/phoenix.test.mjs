// Phoenix: a channel, against a server of ours that speaks its protocol.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ofOurs } from "./support/fleet.mjs";
import { loseServers } from "./support/loss.mjs";
import { ENGINES } from "./support/stage.mjs";

for (const engine of ENGINES)
  test(`a Phoenix channel is joined again at another server, in ${engine}`, () =>
    loseServers({
      library: "phoenix",
      engine,
      start: () => ofOurs("phoenix"),
      fed: true,
      run: "a channel that pushes, and questions beside it",
      meanwhile: async (stage) => assert.ok((await stage.call("ask", "query")) > 0),
      lost: ({ missing, repeated }) => {
        assert.ok(missing > 0, "this server knows nothing of what came between");
        assert.equal(repeated, 0);
        return `${missing} of the stream, those between`;
      },
    }));
