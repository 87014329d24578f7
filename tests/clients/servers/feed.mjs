// The numbers that the parent tells: as they come, or first those that came before.

import { on } from "node:events";

const told = [];
process.on("message", (n) => told.push(n));

/** From now on. */
export async function* fed({ signal } = {}) {
  for await (const [n] of on(process, "message", { signal })) yield n;
}

/** All that came after this one, then from now on. */
export async function* fedAfter(last, { signal } = {}) {
  const live = on(process, "message", { signal });
  yield* told.filter((n) => n > last);
  for await (const [n] of live) yield n;
}
