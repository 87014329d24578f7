// The package as a file: what is in it, and whether tools find their way into it.

import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { install, root, run } from "../support/package.mjs";

let installed;
before(async () => {
  installed = await install();
});
after(() => installed.remove());

const tool = (path, ...parameters) => run(process.execPath, [join(root, "node_modules", path), ...parameters]);

test("npm pack builds first and packs the product, its documentation, the licences and nothing of the workshop", async () => {
  const [packed] = JSON.parse(await run("npm", ["pack", "--dry-run", "--json", "--silent"]));
  const files = packed.files.map((file) => file.path);
  const entries = ["index", "slim", "store", "react"].flatMap((entry) => [`${entry}.js`, `${entry}.d.ts`]);
  const needed = [...entries, "evenkeel.wasm", "server-list.schema.json"];
  for (const file of [...needed.map((name) => `dist/${name}`), "LICENSE-MIT", "LICENSE-APACHE", "README.md"]) {
    assert.ok(files.includes(file), `${file} is missing`);
  }
  const product =
    /^(dist\/[\w.-]+\.(js|d\.ts|wasm|json)|docs\/[\w-]+\.md|package\.json|README\.md|CHANGELOG\.md|LICENSE-\w+)$/;
  assert.deepEqual(
    files.filter((file) => !product.test(file)),
    [],
  );
});

test("publint finds nothing", async () => {
  const output = await tool("publint/src/cli.js", "run", installed.tarball, "--strict");
  assert.match(output, /All good/);
});

test("are the types wrong? finds nothing", async () => {
  // The raw wasm has no types: its importer decides what it becomes.
  const wasm = ["--exclude-entrypoints", "./evenkeel.wasm"];
  await tool("@arethetypeswrong/cli/dist/index.js", installed.tarball, "--profile", "esm-only", ...wasm);
});
