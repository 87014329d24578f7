// The project that everything is built in, as a user's would be: the tools that the lock file names, and the packed package.

import { cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { pack, root, run } from "../support/package.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));
const fixtures = join(here, "fixtures");

/** Its folder stays from run to run, since the tools are large; its pages are new each time. */
export const folder = join(root, "target/tools-project");
const pages = join(folder, "pages");
const MANIFEST = ["package.json", "package-lock.json", ".npmrc"];

const npm = (...parameters) =>
  // No package may fetch anything else while it is installed.
  run("npm", [...parameters, "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], folder);

/** Makes it ready: the tools, installed anew where the lock file is another one, and the package as it is now. */
export async function prepare() {
  await mkdir(folder, { recursive: true });
  if (!(await isInstalled())) {
    await rm(join(folder, "node_modules"), { recursive: true, force: true });
    for (const file of MANIFEST) await cp(join(here, file), join(folder, file));
    await npm("ci");
  }
  await npm("install", "--no-save", "--offline", await pack(folder));
  await rm(pages, { recursive: true, force: true });
}

async function isInstalled() {
  try {
    await readFile(join(folder, "node_modules/.package-lock.json"));
    const both = (file) => Promise.all([here, folder].map((place) => readFile(join(place, file), "utf8")));
    const alike = await Promise.all(MANIFEST.map(async (file) => new Set(await both(file)).size === 1));
    return alike.every(Boolean);
  } catch (error) {
    if (error.code === "ENOENT") return false;
    throw error;
  }
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
