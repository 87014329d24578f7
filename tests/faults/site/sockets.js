// How the application gets its socket, for each library: as its users would write it.

import { BalancedWebSocket } from "/evenkeel/index.js";
import { PartySocket, ReconnectingWebSocket } from "/peers/peers.js";

/** Logs in on a new connection, as applications do: what it sends comes back before anything else may be sent. */
const logIn = (socket) =>
  new Promise((resolve, reject) => {
    socket.addEventListener("message", resolve, { once: true });
    socket.addEventListener("close", reject, { once: true });
    socket.send("log in");
  });

const atRandom = (urls) => urls[Math.floor(Math.random() * urls.length)];

/** The url functions that the users of the other libraries write, by name. */
const URL_FUNCTIONS = {
  /** Any server. */
  random: ({ urls }) => {
    return () => atRandom(urls);
  },
  /** Any server but that the first one is given: where a fault needs that all begin at the same one. */
  first: ({ urls, first }) => {
    let drawn = 0;
    return () => (drawn++ ? atRandom(urls) : first);
  },
  /** One after the other, as the documentation of both shows it. */
  turns: ({ urls }) => {
    let index = 0;
    return () => urls[index++ % urls.length];
  },
  /** Any server of the list, asked for each time. */
  list: ({ list }) => {
    return async () => {
      const response = await fetch(list);
      const { servers } = await response.json();
      return atRandom(servers).url;
    };
  },
};

const LIBRARIES = {
  evenkeel: ({ list, options, prepare }, more) =>
    new BalancedWebSocket(list, [], { ...options, ...more, ...(prepare && { prepare: logIn }) }),
  "reconnecting-websocket": (contestant, more) =>
    new ReconnectingWebSocket(URL_FUNCTIONS[contestant.by](contestant), [], more),
  partysocket: (contestant, more) => new PartySocket(URL_FUNCTIONS[contestant.by](contestant), [], more),
};

/** `more` are options that all of them have. */
export const makeSocket = (contestant, more) => LIBRARIES[contestant.library](contestant, more);
