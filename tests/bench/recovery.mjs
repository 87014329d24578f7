// From the death of a server to an open connection to another one.

import { setTimeout as pause } from "node:timers/promises";
import { SUBJECTS } from "./stage.mjs";

const ROUNDS = 6;

/** In each round, connections of each subject, each with a fleet of its own. */
const CONNECTIONS = 3;

/** How long connections stand before, in ms: longer than each subject takes to believe in one. */
const STEADY = 5_500;

/** Runs in the page: keeps a connection to each fleet, and notes when there was one. */
async function keepAll(lists) {
  window.opened = {};
  for (const [name, list] of lists) {
    const { keep } = await import(`/built/${name.split(" ")[0]}.js`);
    window.opened[name] = [];
    keep(list, () => window.opened[name].push(Date.now()));
  }
}

const allOpened = (times) => Object.values(window.opened).every(({ length }) => length >= times);

/** Kills the server that the connection is on, and gives the moment. */
async function kill(fleet) {
  const { servers } = await fleet.state();
  const { id } = servers.find(({ connections }) => connections > 0);
  const moment = Date.now();
  await fleet.tell(id, { alive: false });
  return moment;
}

export async function recovery(stage) {
  const { page } = stage;
  const samples = Object.fromEntries(SUBJECTS.map((name) => [name, []]));
  for (let round = 0; round < Math.min(ROUNDS, stage.most); round += 1) {
    const fleets = [];
    for (const subject of SUBJECTS) {
      for (let number = 0; number < CONNECTIONS; number += 1) {
        const fleet = await stage.fleet(subject, { servers: [{ count: 3 }] });
        fleets.push({ subject, name: `${subject} ${number}`, fleet });
      }
    }
    await stage.fresh();
    await page.run(() => localStorage.clear());
    await page.run(
      keepAll,
      fleets.map(({ name, fleet }) => [name, fleet.list]),
    );
    await page.until(allOpened, "every subject is connected", 1);
    await pause(STEADY);
    const killed = {};
    for (const { name, fleet } of fleets) killed[name] = await kill(fleet);
    await page.until(allOpened, "every subject is connected again", 2);
    const opened = await page.run(() => window.opened);
    for (const { subject, name, fleet } of fleets) {
      samples[subject].push(opened[name][1] - killed[name]);
      await fleet.remove();
    }
  }
  return [{ figure: "time from the death of a server to open at another one", unit: "ms", base: "bare", samples }];
}
