// RxJS: a `webSocket` subject that is retried, against servers made of `ws`. The protocol is the application's own there.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ofOurs } from "./support/fleet.mjs";
import { loseServers } from "./support/loss.mjs";
import { ENGINES } from "./support/stage.mjs";

for (const engine of ENGINES)
  test(`an RxJS webSocket is retried at another server, in ${engine}`, () =>
    loseServers({
      library: "rxjs",
      engine,
      start: () => ofOurs("rxjs"),
      fed: true,
      run: "`webSocket` with `multiplex`, a subscription that streams",
      lost: ({ missing, repeated }) => {
        assert.ok(missing > 0, "a subscription made anew knows nothing of what came between");
        assert.equal(repeated, 0);
        return `${missing} of the subscription's messages, those between`;
      },
    }));
