// What examples find in the page, and what is kept of them.

/** Every socket that was made, in order, with the kinds of its events. */
const sockets = [];

/** What comments claim: `[what it is, what they say]`. */
const claims = [];

/** A class of sockets that are kept account of. */
export const keep = (Socket) =>
  class BalancedWebSocket extends Socket {
    constructor(...given) {
      super(...given);
      const events = [];
      for (const type of ["open", "message", "error", "close", "list", "decision", "migrate", "retry", "drop"]) {
        this.addEventListener(type, (event) => events.push(event));
      }
      sockets.push(Object.assign(this, { events }));
    }
  };

/** A value as comments write it: probabilities by id, with four digits, and why a server has none. */
function shown(value) {
  if (!Array.isArray(value)) return typeof value === "string" ? JSON.stringify(value) : String(value);
  return value
    .map((one) =>
      typeof one?.probability === "number"
        ? `${one.id} ${one.excluded ?? one.probability.toFixed(4)}`
        : shown(one?.code ? `${one.index} ${one.code}` : one),
    )
    .join(", ");
}

Object.assign(globalThis, {
  stage: { sockets, claims, shows: [] },
  claim: async (value, words) => claims.push([shown(await value), words]),
  // What examples take for granted: something to show things with, and somebody who is logged in.
  show: (value) => stage.shows.push(value),
  getToken: async () => "secret",
});
