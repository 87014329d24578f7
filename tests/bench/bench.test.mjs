import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { run } from "../support/package.mjs";

test("what is measured comes as rows of ratios and intervals, and as a picture", async () => {
  const folder = await mkdtemp(join(tmpdir(), "evenkeel-bench-test-"));
  try {
    const picture = join(folder, "bench.svg");
    const options = ["--json", "--rounds", "1", "--only", "opening", "--only", "list", "--plot", picture];
    const rows = JSON.parse(await run(process.execPath, ["tests/bench/main.mjs", ...options]));
    const ofOpening = rows.filter(({ figure }) => figure.startsWith("time from new to open"));
    assert.deepEqual(
      [...new Set(ofOpening.map(({ subject }) => subject))],
      ["evenkeel", "reconnecting-websocket", "partysocket"],
    );
    assert.equal(rows.length, ofOpening.length + 6, "a list of three sizes, read and decided on");
    for (const row of rows) {
      assert.deepEqual(Object.keys(row), ["figure", "subject", "ratio", "interval"]);
      const { ratio, interval } = row;
      assert.ok(ratio > 0 && interval[0] <= ratio && ratio <= interval[1], JSON.stringify(row));
    }
    const drawn = await readFile(picture, "utf8");
    assert.match(drawn, /^<svg /);
    for (const { figure } of rows) assert.ok(drawn.includes(figure), figure);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("a benchmark that there is not is an error that names those there are", async () => {
  await assert.rejects(
    run(process.execPath, ["tests/bench/main.mjs", "--only", "lists"]),
    /no benchmark lists: .*list/,
  );
});
