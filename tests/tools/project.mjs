// The project that everything is built in, as a user's would be: the tools that the lock file names, and the packed package.

import { cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { install } from "../support/package.mjs";

const folder = fileURLToPath(new URL(".", import.meta.url));
const fixtures = join(folder, "fixtures");
const pages = join(folder, "pages");

/** Makes it ready: the package as it is now beside the tools, and no pages of an earlier run. */
export async function prepare() {
  const installed = await install();
  try {
    await installed.giveTo(folder);
  } finally {
    await installed.remove();
  }
  await rm(pages, { recursive: true, force: true });
}

/** The version of a package that is installed there. */
export const versionOf = async (name) => JSON.parse(await readFile(pathIn(`${name}/package.json`), "utf8")).version;

/** The path of a file of a package that is installed there. */
export const pathIn = (file) => join(folder, "node_modules", file);

/** What every page has beside the module that it starts with. */
const SHARED = ["application.js", "page.js", "dedicated-worker.js", "shared-worker.js"];

/** Lays out a page: it starts with the fixture `main`; `files` come with their text. Gives its folder. */
export async function layOut(name, { main, files = {} }) {
  const page = await share(name);
  await cp(join(fixtures, main), join(page, "main.js"));
  for (const [file, text] of Object.entries(files)) await writeFile(join(page, file), text);
  return page;
}

/** Lays out pages as a folder of the fixtures has them. */
export async function layOutFolder(name) {
  const page = await share(name);
  await cp(join(fixtures, name), page, { recursive: true });
  return page;
}

async function share(name) {
  const page = join(pages, name);
  await mkdir(page, { recursive: true });
  for (const file of SHARED) await cp(join(fixtures, file), join(page, file));
  return page;
}
