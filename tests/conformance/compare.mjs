// What the browser's own WebSocket showed, what the others showed, and whether that was expected.

import { isDeepStrictEqual } from "node:util";

/** Of a fact that only one of two showed. */
const NOTHING = "nothing";

/**
 * `observed` is what a case gave: the facts of each subject, of which the browser's own is what the others are held to. The
 * result: a row for each fact, and every way in which it is not as `expected` has it, in words.
 */
export function compare(expected, engine, name, observed) {
  const { WebSocket: reference, ...subjects } = observed;
  const others = Object.entries(subjects);
  const facts = new Set(Object.values(observed).flatMap(Object.keys));
  const rows = [];
  const faults = [];
  for (const [subject] of others) {
    for (const fact of named(expected, engine, subject, name).keys()) facts.add(fact);
  }
  for (const fact of facts) {
    const row = { name, fact, engine, reference: reference[fact] ?? NOTHING, subjects: {} };
    for (const [subject, shown] of others) {
      const value = shown[fact] ?? NOTHING;
      const same = isDeepStrictEqual(value, row.reference);
      const known = named(expected, engine, subject, name).get(fact);
      row.subjects[subject] = { value, same, ...(known && { because: known.because }) };
      const fault = judge(row.reference, value, same, known);
      if (fault) faults.push(`${subject}, ${fact}: ${fault}`);
    }
    rows.push(row);
  }
  return { rows, faults };
}

function judge(reference, value, same, known) {
  const [theirs, ours, pinned] = [reference, value, known?.value].map((it) => JSON.stringify(it));
  if (same) return known && `no longer different, ${ours}: expected was ${pinned} (${known.because})`;
  if (!known) return `${ours}, where the browser's own shows ${theirs}`;
  if (!isDeepStrictEqual(value, known.value)) return `${ours}, where ${pinned} was expected (${known.because})`;
  return undefined;
}

/** The differences expected of a subject in a case, by fact: `{ value, because }`. */
function named(expected, engine, subject, name) {
  const all = expected
    .filter((entry) => entry.subjects.includes(subject) && (entry.engines ?? [engine]).includes(engine))
    .flatMap(({ because, differences }) =>
      Object.entries(differences[name] ?? {}).map(([fact, value]) => [fact, { value, because }]),
    );
  return new Map(all);
}

/** Names of cases that are expected to show a difference, and that there are not. */
export function strayNames(expected, cases) {
  const known = Object.entries(cases).flatMap(([group, titles]) =>
    Object.keys(titles).map((title) => `${group}: ${title}`),
  );
  return expected.flatMap(({ differences }) => Object.keys(differences)).filter((name) => !known.includes(name));
}
