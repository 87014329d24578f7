// Every link of the repository's documents leads somewhere: to a file, and to a heading of it.

import assert from "node:assert/strict";
import { access } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { test } from "node:test";
import { root, run } from "../support/package.mjs";
import { page } from "./blocks.mjs";

const documents = (await run("git", ["ls-files", "*.md"])).split("\n").filter(Boolean);

/** A document without its code. */
const prose = async (path) => (await page(path)).replace(/^\s*```.*?^\s*```$/gms, "").replace(/`[^`\n]*`/g, "code");

/** What headings are called in addresses, as GitHub has it. */
async function anchors(path) {
  const headings = (await page(path)).replace(/^```.*?^```$/gms, "").matchAll(/^#+ (.+)$/gm);
  const found = new Set();
  for (const [, heading] of headings) {
    const name = heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\p{M} _-]/gu, "")
      .replaceAll(" ", "-");
    let unique = name;
    for (let at = 1; found.has(unique); at += 1) unique = `${name}-${at}`;
    found.add(unique);
  }
  return found;
}

for (const path of documents) {
  test(`links of ${path}`, async () => {
    for (const [, target] of (await prose(path)).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^\w+:/.test(target)) continue;
      const [file, anchor] = target.split("#");
      const there = file ? relative(root, join(root, dirname(path), file)) : path;
      await assert.doesNotReject(access(join(root, there)), `${path}: ${target} does not exist`);
      if (anchor) assert.ok((await anchors(there)).has(anchor), `${path}: ${target} is no heading there`);
    }
  });
}

test("every page of docs/ is in its index, in the README, and in the package", async () => {
  const pages = documents.filter((path) => /^docs\/(?!README)/.test(path)).map((path) => relative("docs", path));
  const [index, readme] = [await page("docs/README.md"), await page("README.md")];
  for (const name of pages) {
    assert.ok(index.includes(`](${name})`), `docs/README.md does not link to ${name}`);
    assert.ok(readme.includes(`](docs/${name}`), `README.md does not link to ${name}`);
  }
  const [packed] = JSON.parse(await run("npm", ["pack", "--dry-run", "--json", "--silent", "--ignore-scripts"]));
  const files = packed.files.map((file) => file.path);
  for (const name of pages) assert.ok(files.includes(`docs/${name}`), `docs/${name} is not in the package`);
});
