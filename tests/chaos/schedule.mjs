// What is to happen, and when: drawn from a seed before anything happens.

import { Random } from "./random.mjs";

/** Between two faults of a lane, in ms: some follow at once, some find all well again. */
const PAUSE = [200, 9_000];

/**
 * A schedule of `length` ms. A lane, `{ name, kinds, pause }`, is a thing that has one fault at a time, while the other lanes
 * have theirs. A kind is `{ lasts: [least, most], draw(random), strike(world, fault, rest) }`: a fault of it has what `draw`
 * gives; `strike` brings it about, waits for `rest()`, which is for as long as it is to last, and ends it.
 */
export function draw(seed, lanes, length) {
  return lanes.map(({ name, kinds, pause = PAUSE }) => {
    // Each has randomness of its own: a change of one lane leaves the others as they were.
    const random = new Random(`${seed} ${name}`);
    const faults = [];
    let at = random.between(...pause);
    while (at < length) {
      const kind = random.of(Object.keys(kinds));
      const { lasts, draw } = kinds[kind];
      const fault = { at, lane: name, kind, lasts: random.between(...lasts), ...draw?.(random) };
      faults.push(fault);
      at += fault.lasts + random.between(...pause);
    }
    return { name, kinds, faults };
  });
}
