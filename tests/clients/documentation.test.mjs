// The page with the examples, and the plays that run them.

import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { test } from "node:test";
import { examples } from "./support/bundle.mjs";

test("every example of the page is run by a play", async () => {
  const folder = new URL("plays/", import.meta.url);
  const plays = await Promise.all((await readdir(folder)).map((name) => readFile(new URL(name, folder), "utf8")));
  const run = new Set(plays.flatMap((play) => [...play.matchAll(/"example:(.+?)"/g)].map(([, title]) => title)));
  assert.deepEqual([...run].sort(), [...(await examples()).keys()].sort());
});
