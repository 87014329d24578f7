import { opened, pick } from "./pick.js";

/** A socket to a server of the list, once it is open. */
export const connect = async (list) => opened(new WebSocket(await pick(list)));

/** Has a connection for as long as the page lives, and tells of each one: after a loss it asks and tries at once. */
export async function keep(list, tell) {
  try {
    const socket = new WebSocket(await pick(list));
    socket.onopen = () => tell();
    socket.onclose = () => keep(list, tell);
  } catch {
    keep(list, tell);
  }
}
