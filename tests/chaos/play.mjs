// Does what a schedule says, to all contestants at the same moment, and keeps a log of what was done.

import { setTimeout as pause } from "node:timers/promises";

/**
 * Resolves when the last fault has ended. The log, `{ at, ended, … }` in ms, has each fault as it was: what a fault takes longer
 * than it was to last delays those after it in its lane, and those that would begin after `length` ms are left out.
 */
export async function play(schedule, world, length, log) {
  const begun = Date.now();
  const since = () => Date.now() - begun;
  let failed = false;
  const follow = async ({ kinds, faults }) => {
    for (const fault of faults) {
      await pause(Math.max(0, fault.at - since()));
      if (failed || since() > length) return;
      const entry = { ...fault, at: since() };
      log.push(entry);
      await kinds[fault.kind].strike(world, fault, () => pause(Math.max(0, entry.at + fault.lasts - since())));
      entry.ended = since();
    }
  };
  await Promise.all(
    schedule.map((lane) =>
      follow(lane).catch((error) => {
        failed = true;
        throw error;
      }),
    ),
  );
}
