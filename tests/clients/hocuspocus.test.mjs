// Hocuspocus: a document that two clients edit, against its own server.

import { test } from "node:test";
import { ofOurs } from "./support/fleet.mjs";
import { loseServers } from "./support/loss.mjs";
import { merged } from "./support/merged.mjs";
import { ENGINES } from "./support/stage.mjs";

for (const engine of ENGINES)
  test(`the clients of a Hocuspocus document meet at another server, one of them in ${engine}`, () =>
    loseServers({
      library: "@hocuspocus/provider",
      play: "hocuspocus",
      engine,
      partner: "hocuspocus-partner",
      start: () => ofOurs("hocuspocus"),
      run: "a document that two edit, the other one in Node; both on one server, by `affinity`",
      lost: merged,
    }));
