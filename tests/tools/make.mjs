// The two ways in which tools make a page: they read its HTML, or its modules only.

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { run } from "../support/package.mjs";
import { html } from "./html.mjs";
import { placeOf } from "./pages.mjs";
import { layOut } from "./project.mjs";
import { serveFolders } from "./site.mjs";

/** How the HTML that a tool reads starts the page. */
export const SOURCE = 'type="module" src="./main.js"';

/** How HTML starts what a tool made: modules, or a script as bundlers for old browsers make it. */
export const MODULE = 'type="module" src="main.js"';
export const SCRIPT = 'defer src="main.js"';

/** Lays out a page with the HTML that a tool reads, and `files` by their text beside it. Gives its folder. */
export function layOutSource(tool, page, files = {}) {
  const sources = { "index.html": html(SOURCE, page.policy), ...files };
  return layOut(placeOf(tool, page), { main: page.main, files: sources });
}

/** Makes a page by a tool that reads its HTML, and builds `dist`. */
export async function fromHtml(tool, page, command, files) {
  const folder = await layOutSource(tool, page, files);
  await run(process.execPath, command, folder);
  return serveFolders({ "/": join(folder, "dist") });
}

/** Makes a page by a tool that builds `dist/main.js`; it is started as `script` says. */
export async function fromModules(tool, page, command, script) {
  const folder = await layOut(placeOf(tool, page), { main: page.main });
  await run(process.execPath, command, folder);
  await writeFile(join(folder, "dist/index.html"), html(script, page.policy));
  return serveFolders({ "/": join(folder, "dist") });
}
