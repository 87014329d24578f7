// Bundles each entry as an application's bundler would and prints its bytes as JSON. With `--parts FILE` writes the script
// of the slim entry there, and prints where in it each source file is.

import { readFile, writeFile } from "node:fs/promises";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { build } from "esbuild";

const ENTRIES = {
  evenkeel: { script: "dist/index.js", beside: [] },
  "evenkeel/slim": { script: "dist/slim.js", beside: ["dist/evenkeel.wasm"] },
  "evenkeel/store": { script: "dist/store.js", beside: [] },
  "evenkeel/react": { script: "dist/react.js", beside: [] },
};

const [option, file] = process.argv.slice(2);
console.log(JSON.stringify(option === "--parts" ? await parts(file) : await sizes()));

async function sizes() {
  const sizes = {};
  for (const [entry, { script, beside }] of Object.entries(ENTRIES)) {
    const { outputFiles } = await bundled(script);
    const files = { [basename(script)]: bytes(outputFiles[0].contents) };
    for (const file of beside) files[basename(file)] = bytes(await readFile(file));
    sizes[entry] = { ...sum(Object.values(files)), files };
  }
  return sizes;
}

/**
 * They stand in the bundle in the order in which the bundler names them: behind what helpers it needs, and before the
 * exports.
 */
async function parts(file) {
  const { outputFiles, metafile } = await bundled(ENTRIES["evenkeel/slim"].script);
  await writeFile(file, outputFiles[0].contents);
  const inputs = Object.entries(Object.values(metafile.outputs)[0].inputs);
  const [exported] = outputFiles[0].text.match(/export\{[^}]*\};?\s*$/);
  let end = outputFiles[0].contents.length - exported.length;
  for (const [, { bytesInOutput }] of inputs) end -= bytesInOutput;
  return inputs.map(([name, { bytesInOutput }]) => {
    const start = end;
    end += bytesInOutput;
    return { name: basename(name), range: { start, end } };
  });
}

/** The entry with everything it exports: an application that uses less may get less. */
function bundled(script) {
  return build({
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
    outdir: ".",
    metafile: true,
  });
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
