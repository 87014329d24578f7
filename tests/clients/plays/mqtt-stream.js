// The stream that the client makes itself: it publishes to the topic that it has subscribed to.

import { PACE } from "../support/pace.js";

/** Publishes on and on, whether there is a connection or not. */
export function follow(client) {
  let n = 0;
  let confirmed = 0;
  const publishing = setInterval(() => {
    n += 1;
    client.publish("ticks", String(n), { qos: 1 }, (error) => {
      if (!error) confirmed += 1;
    });
  }, PACE);
  return {
    /** How many a broker has not confirmed, which it does for each that it has got. */
    delivered: () => ({ published: n, unconfirmed: n - confirmed }),
    close() {
      clearInterval(publishing);
      return client.endAsync();
    },
  };
}
