// @stomp/stompjs: publishing and subscribing, against RabbitMQ.

import { existsSync } from "node:fs";
import { test } from "node:test";
import { PROGRAM, rabbitMq } from "./brokers/rabbitmq.mjs";
import { loseServers } from "./support/loss.mjs";
import { ENGINES } from "./support/stage.mjs";

const skip = !existsSync(PROGRAM) && "there is no RabbitMQ on this machine: install rabbitmq-server";

for (const engine of ENGINES)
  test(`a STOMP client goes on at another broker, in ${engine}`, { skip }, () =>
    loseServers({
      library: "@stomp/stompjs",
      play: "stomp",
      engine,
      start: rabbitMq,
      run: "publishing to a topic that it has subscribed to itself",
      lost: async ({ highest, missing, repeated }, stage) =>
        `${missing} of ${highest} that it published to itself, ${repeated} came twice; ${await stage.call("ask", "refusals")} were refused without a connection`,
    }),
  );
