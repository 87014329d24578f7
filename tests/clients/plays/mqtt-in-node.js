import { client } from "example:MQTT.js in Node";
import { follow } from "./mqtt-stream.js";

client.on("connect", () => client.subscribe("ticks"));
client.on("message", (_topic, payload) => show(Number(payload)));

export const { delivered, close } = follow(client);
