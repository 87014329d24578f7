import { channel, socket } from "example:Phoenix";

/** A question on the same connection. */
export const query = () =>
  new Promise((resolve, reject) => {
    channel
      .push("now", {})
      .receive("ok", ({ at }) => resolve(at))
      .receive("timeout", reject);
  });

export const close = () => new Promise((resolve) => socket.disconnect(resolve));
