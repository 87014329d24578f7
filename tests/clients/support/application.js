// In the client, Node or page: the application around an example of the documentation, which hears what the example shows.

/** What the test told: the address of the list, and options that the documentation does not need. */
export const told = { seed: undefined, options: {} };

const seen = new Set();
let highest = 0;
let repeated = 0;
/** Since when silences count, when something was last shown, and the longest silence: by the client's clock, in ms. */
let since = 0;
let last = 0;
let silence = 0;

/** What examples call with a number from the stream that they follow. */
globalThis.show = (n) => {
  const now = performance.now();
  if (last >= since && since) silence = Math.max(silence, now - last);
  else if (since) silence = Math.max(silence, now - since);
  last = now;
  if (seen.has(n)) repeated += 1;
  seen.add(n);
  highest = Math.max(highest, n);
};

/** From now on the longest silence is looked for anew. */
export function mark() {
  since = performance.now();
  silence = 0;
}

/** What of the stream was shown: `missing`, between the first and the highest. */
export function shown() {
  const first = seen.size ? Math.min(...seen) : 0;
  const missing = seen.size ? highest - first + 1 - seen.size : 0;
  return { count: seen.size, highest, missing, repeated, silence };
}
