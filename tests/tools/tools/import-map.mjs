// No tool at all: the browser finds the package by an import map.

import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { html } from "../html.mjs";
import { MODULE } from "../make.mjs";
import { dedicated, full, placeOf, shared, slim } from "../pages.mjs";
import { layOut, pathIn } from "../project.mjs";
import { serveFolders } from "../site.mjs";

const INLINED = "/evenkeel/dist/index.js";
const map = JSON.stringify({ imports: { evenkeel: INLINED, "evenkeel/slim": "/evenkeel/dist/slim.js" } });

/** A policy without 'unsafe-inline' allows it by its hash. */
const inline = {
  before: `<script type="importmap">${map}</script>`,
  hash: `sha256-${createHash("sha256").update(map).digest("base64")}`,
};

/** Workers have no import map: theirs are paths. */
async function nameByPath(file) {
  const text = await readFile(file, "utf8");
  await writeFile(file, text.replace('"evenkeel"', JSON.stringify(INLINED)));
}

export default [
  {
    name: "import map",
    pages: [full, slim("beside.js"), dedicated, shared],
    make: async (page) => {
      const files = { "index.html": html(MODULE, page.policy, inline) };
      const folder = await layOut(placeOf("import-map", page), { main: page.main, files });
      for (const worker of ["dedicated-worker.js", "shared-worker.js"]) await nameByPath(join(folder, worker));
      return serveFolders({ "/": folder, "/evenkeel": pathIn("evenkeel") });
    },
  },
];
