// The types of the installed package, as applications in TypeScript see them.

import assert from "node:assert/strict";
import { cp, mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { install, root, run } from "../support/package.mjs";

/** What is known beside ECMAScript's own types, and which applications compile with it. */
const PLATFORMS = {
  nothing: { lib: [], types: [], files: ["types.ts"] },
  dom: { lib: ["dom"], types: [], files: ["types.ts", "types-dom.ts", "types-react.ts"] },
  webworker: { lib: ["webworker"], types: [], files: ["types.ts"] },
  "Node's": { lib: [], types: ["node"], files: ["types.ts", "types-node.ts"] },
  "dom and Node's": { lib: ["dom"], types: ["node"], files: ["types.ts", "types-dom.ts", "types-node.ts"] },
};

const MODULES = [
  { module: "nodenext", moduleResolution: "nodenext" },
  { module: "esnext", moduleResolution: "bundler" },
];

let installed;
before(async () => {
  installed = await install();
  for (const name of ["expect-type", "@types", "csstype"]) {
    await symlink(join(root, "node_modules", name), join(installed.folder, "node_modules", name));
  }
});
after(() => installed?.remove());

/** Compiles files of the site in a folder of their own. */
async function compile(name, { files, ...options }) {
  const folder = join(installed.folder, name.replace(/\W+/g, "-"));
  await mkdir(folder);
  for (const file of files) await cp(fileURLToPath(new URL(`site/${file}`, import.meta.url)), join(folder, file));
  const compilerOptions = {
    strict: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: false,
    noEmit: true,
    target: "es2022",
    ...options,
  };
  await writeFile(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files }));
  return run(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-p", folder]);
}

for (const [platform, { lib, ...rest }] of Object.entries(PLATFORMS)) {
  for (const resolution of MODULES) {
    const { moduleResolution } = resolution;
    test(`strict TypeScript, ${moduleResolution}, beside ECMAScript's types: ${platform}`, async () => {
      await compile(`${platform} ${moduleResolution}`, { lib: ["es2022", ...lib], ...rest, ...resolution });
    });
  }
}

test("what the types do not promise does not compile", async () => {
  const wrong = { lib: ["es2022"], types: [], ...MODULES[0], files: ["types-dom.ts"] };
  await assert.rejects(compile("a page without its types", wrong), /Cannot find name 'CloseEvent'/);
});
