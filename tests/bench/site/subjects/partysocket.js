import { WebSocket } from "partysocket";
import { opened, pick } from "./pick.js";

export const connect = (list) => opened(new WebSocket(() => pick(list)));

export function keep(list, tell) {
  new WebSocket(() => pick(list)).addEventListener("open", () => tell());
}
