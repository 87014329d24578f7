// MQTT.js: publishing and subscribing, against brokers made of aedes and `ws`.

import { test } from "node:test";
import { ofOurs } from "./support/fleet.mjs";
import { loseServers, until } from "./support/loss.mjs";
import { ENGINES } from "./support/stage.mjs";

for (const engine of ENGINES)
  test(`MQTT.js publishes and subscribes on at another broker, in ${engine}`, () =>
    loseServers({
      library: "mqtt",
      engine,
      play: engine === "node" ? "mqtt-in-node" : "mqtt",
      start: () => ofOurs("mqtt"),
      run: "publishing, QoS 1, to a topic that it has subscribed to itself",
      lost: async ({ missing, repeated }, stage) => {
        // What was published without a connection was kept; what is under way just now is no loss.
        await until(async () => (await stage.call("ask", "delivered")).unconfirmed < 5, "all is confirmed");
        const { published } = await stage.call("ask", "delivered");
        return `nothing it published (${published}, all confirmed); of these ${missing} did not come back to it, ${repeated} twice`;
      },
    }));
