import assert from "node:assert/strict";
import { test } from "node:test";
import { compare, strayNames } from "./compare.mjs";
import { table } from "./report.mjs";

const expected = [
  { because: "it counts", subjects: ["Ours"], differences: { "some: case": { number: 2 } } },
  { because: "only there", subjects: ["Ours"], engines: ["webkit"], differences: { "some: case": { text: "b" } } },
];

/** The faults found in an engine where the two showed this. */
const faults = (engine, WebSocket, Ours) => compare(expected, engine, "some: case", { Ours, WebSocket }).faults;

test("what is the same, and differences that are expected, are no faults", () => {
  assert.deepEqual(faults("chromium", { number: 1, text: "a" }, { number: 2, text: "a" }), []);
  assert.deepEqual(faults("webkit", { number: 1, text: "a" }, { number: 2, text: "b" }), []);
  assert.deepEqual(faults("chromium", { number: 1, list: [{ a: 1 }] }, { number: 2, list: [{ a: 1 }] }), []);
});

test("a difference that is not expected is a fault, also where it is expected of another engine", () => {
  const [fault, ...others] = faults("firefox", { number: 1, text: "a" }, { number: 2, text: "b" });
  assert.deepEqual(others, []);
  assert.match(fault, /Ours, text: "b", where the browser's own shows "a"/);
});

test("an expected difference that is another one is a fault", () => {
  assert.match(
    faults("firefox", { number: 1 }, { number: 3 })[0],
    /Ours, number: 3, where 2 was expected \(it counts\)/,
  );
});

test("an expected difference that has vanished is a fault, and so is one of which nothing is seen any more", () => {
  assert.match(faults("firefox", { number: 2 }, { number: 2 })[0], /Ours, number: no longer different/);
  assert.match(faults("firefox", {}, {})[0], /Ours, number: no longer different/);
});

test("a fact that only one of two shows is a difference", () => {
  assert.match(faults("firefox", { number: 1, more: 0 }, { number: 2 })[0], /Ours, more: "nothing", where .* 0/);
  assert.match(faults("firefox", { number: 1 }, { number: 2, more: 0 })[0], /Ours, more: 0, where .* "nothing"/);
});

test("every subject is held to the browser's own, with what is expected of it", () => {
  const observed = { Ours: { number: 2 }, Another: { number: 2 }, WebSocket: { number: 1 } };
  const { rows, faults } = compare(expected, "firefox", "some: case", observed);
  assert.deepEqual(rows[0].subjects.Ours, { value: 2, same: false, because: "it counts" });
  assert.deepEqual(rows[0].subjects.Another, { value: 2, same: false });
  assert.match(faults.join(), /^Another, number/);
});

test("differences expected of a case that there is not are told", () => {
  assert.deepEqual(strayNames(expected, { some: { case: () => undefined } }), []);
  assert.deepEqual(strayNames(expected, { some: { other: () => undefined } }), ["some: case", "some: case"]);
});

test("the table has one line for engines that show the same", () => {
  const rows = ["chromium", "firefox", "webkit"].flatMap((engine) => {
    const text = engine === "webkit" ? "b" : "a";
    return compare(expected, engine, "some: case", { WebSocket: { number: 1, text: "a|" }, Ours: { number: 2, text } })
      .rows;
  });
  const lines = table(rows).trim().split("\n");
  assert.deepEqual(lines.slice(0, 3), [
    "| case | observed | in | WebSocket | Ours |",
    "| --- | --- | --- | --- | --- |",
    "| some: case | number | chromium, firefox, webkit | 1 | 2, different: it counts |",
  ]);
  assert.deepEqual(lines.slice(3), [
    '| some: case | text | chromium, firefox | "a\\|" | "a", different: not expected |',
    '| some: case | text | webkit | "a\\|" | "b", different: only there |',
  ]);
});
