// Makes what runs in the client: the examples of docs/libraries.md as they stand there, bundled as an application's code is.

import { mkdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { root } from "../../support/package.mjs";

const folder = fileURLToPath(new URL("..", import.meta.url));
const page = join(root, "docs/libraries.md");

/** The code of the page, by the title of its section or subsection. */
export async function examples() {
  const sections = (await readFile(page, "utf8")).split(/^#+ /m).slice(1);
  return new Map(
    sections.flatMap((section) => {
      const [, code] = section.match(/^```js\n(.*?)^```$/ms) ?? [];
      return code ? [[section.split("\n", 1)[0], code]] : [];
    }),
  );
}

/** The code under this title, as a module: what it declares, its play can import. */
async function example(title) {
  const code = (await examples()).get(title);
  if (!code) throw new Error(`${page} has no example under “${title}”`);
  const names = [...code.matchAll(/^const (\w+) =/gm)].map(([, name]) => name);
  return `${code}\nexport { ${names.join(", ")} };\n`;
}

/** A play and its example, for Node or for a page. Gives the file. */
export async function bundle(play, platform) {
  const file = join(folder, "node_modules/.cache/evenkeel", `${play}.${platform}.mjs`);
  await mkdir(join(file, ".."), { recursive: true });
  await build({
    entryPoints: [join(folder, "support/client.js")],
    bundle: true,
    format: "esm",
    platform: platform === "node" ? "node" : "browser",
    // Node has them as they are installed; only there they need no bundler.
    packages: platform === "node" ? "external" : "bundle",
    define: platform === "node" ? {} : { global: "globalThis" },
    logLevel: "warning",
    outfile: file,
    plugins: [{ name: "examples", setup: (on) => resolve(on, play) }],
  });
  return file;
}

function resolve({ onResolve, onLoad }, play) {
  onResolve({ filter: /^the play$/ }, () => ({ path: join(folder, "plays", `${play}.js`) }));
  onResolve({ filter: /^evenkeel$/ }, () => ({ path: join(folder, "support/evenkeel.js") }));
  onResolve({ filter: /^evenkeel-itself$/ }, () => ({ path: join(root, "dist/index.js") }));
  onResolve({ filter: /^example:/ }, ({ path }) => ({ path: path.slice("example:".length), namespace: "example" }));
  onLoad({ filter: /./, namespace: "example" }, async ({ path }) => ({
    contents: await example(path),
    resolveDir: folder,
    watchFiles: [page],
  }));
}

/** The installed version of a package. */
export function version(name) {
  // Packages that export no package.json of theirs are read where they lie.
  const paths = createRequire(join(folder, "package.json")).resolve.paths(name);
  return readFile(join(paths[0], name, "package.json"), "utf8").then((text) => JSON.parse(text).version);
}
