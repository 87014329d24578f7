// tRPC: a subscription that resumes and calls, against its own adapter for `ws`.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ofOurs } from "./support/fleet.mjs";
import { loseServers } from "./support/loss.mjs";
import { ENGINES } from "./support/stage.mjs";

for (const engine of ENGINES)
  test(`a tRPC subscription resumes at another server, in ${engine}`, () =>
    loseServers({
      library: "@trpc/client",
      play: "trpc",
      engine,
      start: () => ofOurs("trpc"),
      fed: true,
      run: "a subscription of tracked events, and calls beside it",
      meanwhile: async (stage) => assert.ok((await stage.call("ask", "query")) > 0),
      lost: ({ count, missing, repeated }) => {
        assert.deepEqual({ missing, repeated }, { missing: 0, repeated: 0 });
        return `nothing of ${count} events: it resumes behind the last one`;
      },
    }));
