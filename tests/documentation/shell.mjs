// Commands of the documentation: each must be a script of package.json, and its program must know what it is given.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { required } from "../support/environment.mjs";
import { root, run } from "../support/package.mjs";

const { name, scripts } = JSON.parse(await readFile(join(root, "package.json"), "utf8"));

/** What `cargo run` with these arguments runs, and what it is given before what follows. */
function program(script) {
  const [before, ...after] = script.split(/ -- | --$/);
  const given = after.join(" ").split(" ").filter(Boolean);
  if (before.endsWith("-p xtask")) return [required("EVENKEEL_XTASK_PROGRAM"), given];
  if (before.endsWith("-p evenkeel-simulation")) return [required("EVENKEEL_SIMULATION_PROGRAM"), given];
  return undefined;
}

/** The lines of a block as commands, without what they say of themselves. */
export const commands = (code) =>
  code
    .split("\n")
    .map((line) => line.replace(/(^|\s)#.*/, "").trim())
    .filter(Boolean);

/** A command of npm's as the program that it comes to and what that is given; undefined where it is none of ours. */
export function meant(command) {
  const words = command.split(/\s+/);
  const [npm, verb, ...rest] = words;
  assert.equal(npm, "npm", `${command}: not a command of npm's`);
  const script = verb === "run" ? rest.find((word) => !word.startsWith("-")) : verb;
  assert.ok(scripts[script], `${command}: package.json has no such script`);
  const own = words.includes("--") ? words.slice(words.indexOf("--") + 1) : [];
  const [file, given] = program(scripts[script]) ?? [];
  return file && { file, given: [...given, ...own] };
}

/** Checks every command of a block. */
export async function check(code) {
  for (const command of commands(code)) {
    if (command === `npm install ${name}`) continue;
    const { file, given } = meant(command) ?? {};
    // With --help what comes before it is read, and nothing is done. What is passed on to Node is read there.
    if (file && given[0] !== "bench") await run(file, [...given, "--help"]);
  }
}
