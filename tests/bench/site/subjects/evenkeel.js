import { BalancedWebSocket } from "evenkeel";
import { opened } from "./pick.js";

export { createSelector } from "evenkeel";

export const connect = (list) => opened(new BalancedWebSocket(list));

export function keep(list, tell) {
  new BalancedWebSocket(list).addEventListener("open", () => tell());
}
