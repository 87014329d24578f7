import { client } from "example:MQTT.js";
import { follow } from "./mqtt-stream.js";

export const { delivered, close } = follow(client);
