import assert from "node:assert/strict";
import { test } from "node:test";
import { medianRatio, rowsOf } from "./ratio.mjs";
import { orderOf } from "./stage.mjs";
import { tableOf } from "./table.mjs";

test("the ratio is the median, whatever the order", () => {
  assert.equal(medianRatio([9, 1, 2]).ratio, 2);
  assert.deepEqual(medianRatio([4]), { ratio: 4, interval: [4, 4] });
});

test("the interval of a hundred is between the 40th and the 61st, as the binomial distribution has it", () => {
  const ratios = Array.from({ length: 100 }, (_, index) => index + 1);
  assert.deepEqual(medianRatio(ratios).interval, [40, 61]);
});

test("the median of what is drawn lies in the interval 95 times out of 100", () => {
  // A generator of its own, so that it is the same every time (Numerical Recipes' constants).
  let state = 1;
  const draw = () => {
    state = (1_664_525 * state + 1_013_904_223) % 2 ** 32;
    return state / 2 ** 32;
  };
  let within = 0;
  for (let run = 0; run < 2_000; run += 1) {
    // Their median is 1: half of them are below.
    const [low, high] = medianRatio(Array.from({ length: 41 }, () => 2 ** (4 * draw() - 2))).interval;
    if (low <= 1 && 1 <= high) within += 1;
  }
  assert.ok(within > 1_860 && within < 1_960, `${within} of 2,000`);
});

const FIGURE = {
  figure: "time",
  unit: "ms",
  base: "bare",
  samples: { bare: [1, 2, 10], evenkeel: [2, 4, 5], other: [1, 2, 10] },
};

test("each subject is divided by the base of the same round, and the base has no row", () => {
  assert.deepEqual(
    rowsOf(FIGURE).map(({ figure, subject, ratio }) => [figure, subject, ratio]),
    [
      ["time", "evenkeel", 2],
      ["time", "other", 1],
    ],
  );
});

test("the table has what the base took, and the ratios", () => {
  const [head, , row] = tableOf([FIGURE]).split("\n");
  assert.equal(head, "| figure | divided by | evenkeel | other |");
  assert.equal(row, "| time | bare: 2 ms | 2 (0.5 to 2) | 1 (1 to 1) |");
});

test("each subject is as often the first as any other, and comes as often after any other as before it", () => {
  const subjects = ["a", "b", "c", "d"];
  const orders = Array.from({ length: 8 }, (_, round) => orderOf(subjects, round));
  for (const order of orders) assert.deepEqual(order.toSorted(), subjects);
  for (const one of subjects) {
    assert.equal(orders.filter(([first]) => first === one).length, 2);
    for (const other of subjects.filter((it) => it !== one)) {
      assert.equal(orders.filter((order) => order.indexOf(one) < order.indexOf(other)).length, 4, `${one} ${other}`);
    }
  }
});
