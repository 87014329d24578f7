// From `new` to `open`: for the bare socket, from asking for the list to `open`.

import { SUBJECTS } from "./stage.mjs";

const ROUNDS = 41;

/** How long a message is under way to the servers and back, in ms; the seed takes as long to answer. */
const DISTANCES = { "on this machine": 0, "40 ms away": 40 };

/** Runs in the page: the milliseconds until a socket is open. */
async function open(name, list, keepsList) {
  // Loading the code is no part of it: every application does that, and its size is a figure of its own.
  const { connect } = await import(`/built/${name}.js`);
  if (!keepsList) localStorage.clear();
  const start = performance.now();
  const socket = await connect(list);
  const time = performance.now() - start;
  window.sockets = [...(window.sockets ?? []), socket];
  return time;
}

/** Runs in the page: a list that was kept is there for the next visit. */
function close() {
  for (const socket of window.sockets.splice(0)) socket.close();
}

export async function opening(stage) {
  const { page } = stage;
  const figures = [];
  for (const [where, distance] of Object.entries(DISTANCES)) {
    const fleets = await stage.fleets({ servers: [{ count: 3, behaviour: { latency: distance / 2 } }] });
    for (const fleet of Object.values(fleets)) await fleet.tellList({ delay: distance, ttl: 60 });
    const results = await stage.interleaved(ROUNDS, async (name) => {
      const { list } = fleets[name];
      await stage.fresh();
      const cold = await page.run(open, name, list, false);
      const warm = await page.run(open, name, list, false);
      await page.run(close);
      await stage.fresh();
      const cached = await page.run(open, name, list, true);
      await page.run(close);
      return { cold, warm, cached };
    });
    const kinds = {
      cold: "in a new document",
      warm: "of another socket in it",
      cached: "in a new document, with a list kept from an earlier visit",
    };
    for (const [kind, words] of Object.entries(kinds)) {
      figures.push({
        figure: `time from new to open ${words}, ${where}`,
        unit: "ms",
        base: "bare",
        samples: Object.fromEntries(SUBJECTS.map((name) => [name, results[name].map((times) => times[kind])])),
      });
    }
    for (const fleet of Object.values(fleets)) await fleet.remove();
  }
  return figures;
}
