import { connection } from "example:NATS";
import { PACE } from "../support/pace.js";

let n = 0;
const publishing = setInterval(() => {
  n += 1;
  connection.publish("ticks", String(n));
}, PACE);

/** A request on the same connection, which this client answers itself. */
connection.subscribe("now", { callback: (_, message) => message.respond(String(Date.now())) });
export const query = async () => Number((await connection.request("now")).string());

export function close() {
  clearInterval(publishing);
  return connection.close();
}
