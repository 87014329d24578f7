// The rows of what was measured: printed as they come, and kept together in a folder of target/ as JSON and as a table.

import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { root } from "./package.mjs";

const line = (cells) => `| ${cells.join(" | ")} |`;

export class Table {
  #folder;
  #columns;
  #keys;
  /** Of tests that run at the same time, one writes after the other. */
  #written = Promise.resolve();

  /** `columns`: their titles, by the names that rows have for them. Rows in which all `keys` are the same replace each other. */
  constructor(folder, columns, keys) {
    this.#folder = join(root, "target", folder);
    this.#columns = columns;
    this.#keys = keys;
  }

  record(rows) {
    this.#written = this.#written.then(() => this.#write(rows));
    return this.#written;
  }

  async #write(rows) {
    for (const row of rows) console.log(line(this.#toCells(row)));
    const key = (row) => this.#keys.map((name) => row[name]).join("\n");
    const fresh = new Set(rows.map(key));
    const all = [...(await this.#recorded()).filter((row) => !fresh.has(key(row))), ...rows];
    const head = [line(Object.values(this.#columns)), line(Object.keys(this.#columns).map(() => "---"))];
    await mkdir(this.#folder, { recursive: true });
    await writeFile(this.#json, `${JSON.stringify(all, undefined, 2)}\n`);
    await writeFile(
      join(this.#folder, "table.md"),
      `${[...head, ...all.map((row) => line(this.#toCells(row)))].join("\n")}\n`,
    );
  }

  get #json() {
    return join(this.#folder, "table.json");
  }

  #toCells(row) {
    return Object.keys(this.#columns).map((column) => row[column] ?? "never");
  }

  async #recorded() {
    try {
      return JSON.parse(await readFile(this.#json, "utf8"));
    } catch (error) {
      if (error.code === "ENOENT") return [];
      throw error;
    }
  }
}
