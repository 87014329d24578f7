// What the sockets of this page are told beside where the list is: what an application would, but with shorter times,
// so that there is something to see.

const BEAT = "♥"; // the servers echo whatever they get, so a ping is answered by itself

/** How often the list is read while connected, in ms. */
const REFRESH = { own: 3_000, crowd: 5_000 };

/** A frozen server is found out within the sum of the two, in ms. */
const HEARTBEAT = { interval: 2_000, timeout: 1_000 };
const HEARTBEAT_OF_THE_CROWD = { interval: 5_000, timeout: 2_000 };

/** What the page's own socket is told; `heard` is called for each answer to a ping, of which `message` events are silent. */
export const ownOptions = (heard) => ({
  refreshInterval: REFRESH.own,
  heartbeat: {
    ...HEARTBEAT,
    message: BEAT,
    reply: (data) => {
      if (data !== BEAT) return false;
      heard();
      return true;
    },
  },
  prepare: greet,
});

/** What each client of the crowd is told. */
export const crowdOptions = {
  refreshInterval: REFRESH.crowd,
  heartbeat: { ...HEARTBEAT_OF_THE_CROWD, message: BEAT, reply: BEAT },
};

/** Stands for logging in and subscribing: a new connection is used only once its server has returned a greeting. */
function greet(socket) {
  return new Promise((resolve) => {
    socket.addEventListener("message", resolve, { once: true });
    socket.send("hello");
  });
}
