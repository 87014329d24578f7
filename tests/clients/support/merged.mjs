// What becomes of a document that two edit while their servers die.

import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import { until } from "./loss.mjs";

/** Says how much was lost, once both have stopped: all that each has written must be with the other, once and in order. */
export async function merged(_, one, other) {
  const wrote = { answers: await one.call("ask", "rest"), ticks: await other.call("ask", "rest") };
  const held = (stage) => stage.call("ask", "written");
  await until(async () => isDeepStrictEqual(await held(one), await held(other)), "both hold the same document");
  const parts = await held(one);
  for (const [part, count] of Object.entries(wrote))
    assert.deepEqual(
      parts[part],
      Array.from({ length: count }, (_, index) => index + 1),
      part,
    );
  return `nothing of ${wrote.answers + wrote.ticks} edits by two`;
}
