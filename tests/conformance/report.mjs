// What was seen, engine by engine, as one table in target/conformance.

import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { root } from "../support/package.mjs";

const FOLDER = join(root, "target/conformance");

/** A cell has so many characters at most. */
const WIDTH = 120;

/** Keeps what was seen in an engine, and writes the table of all engines that there is something of. */
export async function write(engine, rows) {
  await mkdir(FOLDER, { recursive: true });
  await writeFile(join(FOLDER, `${engine}.json`), `${JSON.stringify(rows, undefined, 2)}\n`);
  const files = (await readdir(FOLDER)).filter((name) => name.endsWith(".json")).sort();
  const all = await Promise.all(files.map(async (file) => JSON.parse(await readFile(join(FOLDER, file), "utf8"))));
  await writeFile(join(FOLDER, "table.md"), table(all.flat()));
}

/** One line for each fact; engines that showed the same share it. */
export function table(rows) {
  const lines = new Map();
  for (const { name, fact, engine, reference, subjects } of rows) {
    const [key, ...cells] = [JSON.stringify([name, fact]), cell(reference), ...Object.values(subjects).map(verdict)];
    const byCells = lines.get(key) ?? new Map();
    lines.set(key, byCells);
    const line = byCells.get(cells.join()) ?? { name, fact, engines: [], cells };
    byCells.set(cells.join(), line);
    line.engines.push(engine);
  }
  const subjects = Object.keys(rows[0]?.subjects ?? {});
  const head = ["case", "observed", "in", "WebSocket", ...subjects];
  const body = [...lines.values()]
    .flatMap((byCells) => [...byCells.values()])
    .map(({ name, fact, engines, cells }) => [name, inTable(fact), engines.join(", "), ...cells]);
  return `${[head, head.map(() => "---"), ...body].map((cells) => `| ${cells.join(" | ")} |`).join("\n")}\n`;
}

const verdict = ({ value, same, because = "not expected" }) =>
  same ? "the same" : `${cell(value)}, different: ${because}`;

function cell(value) {
  const text = JSON.stringify(value);
  return inTable(text.length > WIDTH ? `${text.slice(0, WIDTH)}…` : text);
}

const inTable = (text) => text.replaceAll("|", "\\|").replaceAll("\n", " ");
