// The picture of the decision is what the command beside it draws, of the core as it is now.

import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { root, run } from "../support/package.mjs";
import { blocks } from "./blocks.mjs";
import { commands, meant } from "./shell.mjs";

test("the picture of the decision is what the command beside it draws", async () => {
  const [command] = (await blocks("docs/choosing.md"))
    .flatMap(({ language, code }) => (language === "sh" ? commands(code) : []))
    .filter((line) => line.includes("--plot"));
  const { file, given } = meant(command);
  const at = given.indexOf("--plot") + 1;
  const folder = await mkdtemp(join(tmpdir(), "evenkeel-picture-"));
  try {
    const drawn = join(folder, "drawn.svg");
    await run(file, given.with(at, drawn));
    const [before, now] = await Promise.all([join(root, given[at]), drawn].map((path) => readFile(path, "utf8")));
    assert.ok(before === now, `${given[at]} is out of date: ${command}`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
