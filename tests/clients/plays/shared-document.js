// Two who edit one document, each its own part of it; "ticks" is the part that the example shows.

import { PACE } from "../support/pace.js";

/** Writes on and on, whether there is a connection or not. */
export function write(doc, part, leave) {
  let n = 0;
  const writing = setInterval(() => {
    n += 1;
    doc.getArray(part).push([n]);
  }, PACE);
  return {
    /** What the document holds, in the eyes of this one. */
    written: () => ({ ticks: doc.getArray("ticks").toArray(), answers: doc.getArray("answers").toArray() }),
    /** Writes no more. Gives how much it wrote. */
    rest() {
      clearInterval(writing);
      return n;
    },
    close() {
      clearInterval(writing);
      leave();
    },
  };
}
