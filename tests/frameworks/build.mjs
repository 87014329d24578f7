// The fixtures as their users would build them: from the installed package, by Vite and the framework's own plugin.

import { rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "vite";

const here = fileURLToPath(new URL(".", import.meta.url));

/** Where what is built lies, a folder for each mode; the fleet serves it. */
export const built = (fixture) => join(here, fixture, "dist");

/** Puts the installed package beside the framework, where the fixture's imports find both. */
export async function give(fixture, installed) {
  await rm(built(fixture), { recursive: true, force: true });
  await installed.giveTo(join(here, fixture));
}

/** Builds the page. Frameworks check and warn in development only, and React runs effects twice there. */
export const buildPage = (fixture, mode) => run(fixture, mode, { outDir: join("dist", mode) });

/** Builds what renders on a server, and gives its function from properties to HTML. */
export async function buildServer(fixture) {
  await run(fixture, "production", { outDir: "dist/server", ssr: "server.js" });
  const { render } = await import(pathToFileURL(join(built(fixture), "server", "server.js")));
  return render;
}

async function run(fixture, mode, output) {
  // Vite takes the mode of what it builds from here, where it finds one.
  process.env.NODE_ENV = mode;
  const root = join(here, fixture);
  await build({ root, mode, base: "./", logLevel: "error", build: { emptyOutDir: true, ...output } });
}
