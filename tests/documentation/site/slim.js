// The slim entry as examples import it.
import * as evenkeel from "/evenkeel/slim.js";
import { keep } from "./stage.js";

export * from "/evenkeel/slim.js";
export const BalancedWebSocket = keep(evenkeel.BalancedWebSocket);
export const createWebSocketClass = (...given) => keep(evenkeel.createWebSocketClass(...given));
