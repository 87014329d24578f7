// The rows of what was measured: printed as they come, and kept together in target/faults/ as JSON and as a table.

import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { root } from "./package.mjs";

const folder = join(root, "target", "faults");
const json = join(folder, "table.json");
const markdown = join(folder, "table.md");

const COLUMNS = {
  fault: "fault",
  engine: "engine",
  library: "library",
  notice: "noticed, ms",
  reopen: "works again, ms",
  gap: "longest silence, ms",
  attempts: "attempts in 10 s",
  silent: "lost in silence",
  told: "lost and told",
  repeated: "repeated",
};

const line = (cells) => `| ${cells.join(" | ")} |`;

const toCells = (row) => Object.keys(COLUMNS).map((column) => row[column] ?? "never");

/** Of tests that run at the same time, one writes after the other. */
let written = Promise.resolve();

/** Adds rows; those of the same fault, engine and library are replaced. */
export function record(rows) {
  written = written.then(() => write(rows));
  return written;
}

async function write(rows) {
  for (const row of rows) console.log(line(toCells(row)));
  const key = ({ fault, engine, library }) => [fault, engine, library].join("\n");
  const fresh = new Set(rows.map(key));
  const all = [...(await recorded()).filter((row) => !fresh.has(key(row))), ...rows];
  const head = [line(Object.values(COLUMNS)), line(Object.keys(COLUMNS).map(() => "---"))];
  await mkdir(folder, { recursive: true });
  await writeFile(json, `${JSON.stringify(all, undefined, 2)}\n`);
  await writeFile(markdown, `${[...head, ...all.map((row) => line(toCells(row)))].join("\n")}\n`);
}

async function recorded() {
  try {
    return JSON.parse(await readFile(json, "utf8"));
  } catch (error) {
    if (error.code === "ENOENT") return [];
    throw error;
  }
}
