// Next.js: pages that its server renders and the browser goes on with. Both are built at once.

import assert from "node:assert/strict";
import { run } from "../../support/package.mjs";
import { free, full, slim } from "../pages.mjs";
import { layOutFolder, pathIn } from "../project.mjs";
import { serveByTool } from "../site.mjs";

const program = pathIn("next/dist/bin/next");

async function start() {
  const folder = await layOutFolder("next");
  await run(process.execPath, [program, "build"], folder);
  return serveByTool([program, "start", "--hostname", "127.0.0.1", "--port", "0"], folder);
}

/** The server has decided, by the same package, before it sent the page. */
async function isRendered(address) {
  assert.match(await (await fetch(address)).text(), /<p id="chosen">only<\/p>/);
}

let serving;

export default [
  {
    name: "Next.js",
    package: "next",
    // Its pages have scripts in them.
    pages: [free({ ...full, path: "", check: isRendered }), free({ ...slim("beside.js"), path: "slim" })],
    make: async ({ path }) => {
      serving ??= start();
      return { address: `${(await serving).address}${path}`, stop() {} };
    },
    end: async () => (await serving)?.stop(),
  },
];
