// The package as examples import it.
import * as evenkeel from "/evenkeel/index.js";
import { keep } from "./stage.js";

export * from "/evenkeel/index.js";
export const BalancedWebSocket = keep(evenkeel.BalancedWebSocket);
export const createWebSocketClass = (...given) => keep(evenkeel.createWebSocketClass(...given));
