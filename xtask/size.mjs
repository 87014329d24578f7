// Bundles each entry as an application's bundler would and prints its bytes as JSON.

import { readFile } from "node:fs/promises";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { build } from "esbuild";

const ENTRIES = {
  evenkeel: { script: "dist/index.js", beside: [] },
  "evenkeel/slim": { script: "dist/slim.js", beside: ["dist/evenkeel.wasm"] },
  "evenkeel/store": { script: "dist/store.js", beside: [] },
  "evenkeel/react": { script: "dist/react.js", beside: [] },
};

const sizes = {};
for (const [entry, { script, beside }] of Object.entries(ENTRIES)) {
  const files = { [basename(script)]: bytes(await bundled(script)) };
  for (const file of beside) files[basename(file)] = bytes(await readFile(file));
  sizes[entry] = { ...sum(Object.values(files)), files };
}
console.log(JSON.stringify(sizes));

/** The entry with everything it exports: an application that uses less may get less. */
async function bundled(script) {
  const { outputFiles } = await build({
    stdin: { contents: `export * from "./${script}";`, resolveDir: "." },
    bundle: true,
    // Whoever uses the hooks has it already.
    external: ["react"],
    minify: true,
    format: "esm",
    platform: "browser",
    target: "es2022",
    legalComments: "none",
    write: false,
  });
  return outputFiles[0].contents;
}

function bytes(content) {
  return {
    raw: content.length,
    gzip: gzipSync(content, { level: 9 }).length,
    brotli: brotliCompressSync(content, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }).length,
  };
}

function sum(parts) {
  const total = { raw: 0, gzip: 0, brotli: 0 };
  for (const part of parts) for (const key of Object.keys(total)) total[key] += part[key];
  return total;
}

function basename(path) {
  return path.split("/").at(-1);
}
