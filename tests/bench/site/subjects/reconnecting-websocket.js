import ReconnectingWebSocket from "reconnecting-websocket";
import { opened, pick } from "./pick.js";

export const connect = (list) => opened(new ReconnectingWebSocket(() => pick(list)));

export function keep(list, tell) {
  new ReconnectingWebSocket(() => pick(list)).addEventListener("open", () => tell());
}
