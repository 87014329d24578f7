import { client } from "example:STOMP";
import { PACE } from "../support/pace.js";

let n = 0;
/** What it could not publish: without a connection it throws. */
let refused = 0;
const publishing = setInterval(() => {
  try {
    client.publish({ destination: "/topic/ticks", body: String(n + 1) });
    n += 1;
  } catch {
    refused += 1;
  }
}, PACE);

export const refusals = () => refused;

export function close() {
  clearInterval(publishing);
  return client.deactivate();
}
