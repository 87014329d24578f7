// nats-core: publishing, subscribing and requests, against NATS servers.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { natsServer, PROGRAM } from "./brokers/nats.mjs";
import { loseServers } from "./support/loss.mjs";
import { ENGINES } from "./support/stage.mjs";

const skip = !existsSync(PROGRAM) && "there is no nats-server on this machine: install it";

for (const engine of ENGINES)
  test(`a NATS connection goes on at another server, in ${engine}`, { skip }, () =>
    loseServers({
      library: "@nats-io/nats-core",
      play: "nats",
      engine,
      start: natsServer,
      run: "publishing to a subject that it has subscribed to itself, and requests",
      meanwhile: async (stage) => assert.ok((await stage.call("ask", "query")) > 0),
      lost: ({ highest, missing, repeated }) =>
        `${missing} of ${highest} that it published to itself; ${repeated} came twice`,
    }),
  );
