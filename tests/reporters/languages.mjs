// The servers of seed/reporters/ as programs: how each is started, or why this machine cannot.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { required } from "../support/environment.mjs";
import { root } from "../support/package.mjs";

const run = promisify(execFile);

export const folder = join(root, "seed", "reporters");

/** Where Debian keeps the sources of Go packages, for machines that no module proxy can be reached from. */
const GO_SOURCES = "/usr/share/gocode/src";
const GORILLA = "github.com/gorilla/websocket";

const runs = (program, ...args) =>
  run(program, args).then(
    () => true,
    () => false,
  );

async function python() {
  // Debian's has Debian's packages; the first may be another.
  for (const program of ["python3", "/usr/bin/python3"])
    if (await runs(program, "-c", "import websockets")) return { command: [program, join(folder, "python/server.py")] };
  return { skip: "there is no python3 with the package websockets on this machine: install python3-websockets" };
}

async function go() {
  if (!(await runs("go", "version"))) return { skip: "there is no Go on this machine: install golang-go" };
  const cwd = join(folder, "go");
  const { stdout: unformatted } = await run("gofmt", ["-l", "."], { cwd });
  assert.equal(unformatted, "", "gofmt would write them otherwise");
  const target = join(root, "target", "reporters");
  const program = join(target, "go-reporter");
  await mkdir(target, { recursive: true });
  const options = ["build", "-o", program];
  const debian = join(GO_SOURCES, GORILLA);
  if (existsSync(debian)) {
    const file = join(target, "go.mod");
    await writeFile(file, `${await readFile(join(cwd, "go.mod"), "utf8")}\nreplace ${GORILLA} => ${debian}\n`);
    options.push(`-modfile=${file}`);
  }
  await run("go", [...options, "."], { cwd });
  return { command: [program] };
}

/** By name: `{ command }`, or `{ skip }`. */
export const languages = {
  node: () => ({ command: [process.execPath, join(folder, "node/server.mjs")] }),
  python,
  go,
  rust: () => ({ command: [required("EVENKEEL_REPORTER_PROGRAM")] }),
};
