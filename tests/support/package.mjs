// The package as its users have it: packed by npm and installed into a folder of its own.

import { execFile } from "node:child_process";
import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const execute = promisify(execFile);

/** The project's folder. */
export const root = fileURLToPath(new URL("../..", import.meta.url));

/** Runs a program in a folder and gives its output; a failure says all that it printed. */
export async function run(program, parameters, folder = root) {
  try {
    return (await execute(program, parameters, { cwd: folder, maxBuffer: 64 * 1024 * 1024 })).stdout;
  } catch (error) {
    throw new Error(`${program} ${parameters.join(" ")}: ${error.message}\n${error.stdout}\n${error.stderr}`);
  }
}

/** Packs what dist/ holds now into a folder, and gives the tarball's path. */
export async function pack(folder) {
  const options = ["--json", "--silent", "--ignore-scripts", "--pack-destination", folder];
  const [{ filename }] = JSON.parse(await run("npm", ["pack", ...options]));
  return join(folder, filename);
}

/** Packs what dist/ holds now and installs it. `{ folder, tarball, giveTo(project), remove() }` */
export async function install() {
  const folder = await mkdtemp(join(tmpdir(), "evenkeel-package-"));
  const tarball = await pack(folder);
  await writeFile(join(folder, "package.json"), JSON.stringify({ private: true, type: "module" }));
  await run("npm", ["install", "--silent", "--no-audit", "--no-fund", "--offline", tarball], folder);
  return {
    folder,
    tarball,
    /** Puts it beside the packages of another project, in place of the one that was there. */
    async giveTo(project) {
      const place = join(project, "node_modules/evenkeel");
      await rm(place, { recursive: true, force: true });
      await cp(join(folder, "node_modules/evenkeel"), place, { recursive: true });
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}
