// The code blocks of the documentation, by the page and the heading that they stand under.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { root, run } from "../support/package.mjs";

/** The pages whose blocks are run. */
export const pages = async () => (await run("git", ["ls-files", "README.md", "docs/*.md"])).split("\n").filter(Boolean);

/** A page's text. */
export const page = (path) => readFile(join(root, path), "utf8");

/** Every fenced block of a page, in order: `{ page, heading, number, line, language, code }`, numbered under its heading. */
export async function blocks(path) {
  const found = [];
  let heading = "";
  let open;
  for (const [index, line] of (await page(path)).split("\n").entries()) {
    const fence = /^(\s*)```(\S*)/.exec(line);
    if (fence && open) {
      open = undefined;
    } else if (fence) {
      const number = found.filter((other) => other.heading === heading).length;
      open = { page: path, heading, number, line: index + 1, language: fence[2], code: "" };
      found.push(open);
    } else if (open) {
      open.code += `${line}\n`;
    } else {
      heading = /^#+ (.+)/.exec(line)?.[1] ?? heading;
    }
  }
  if (open) throw new Error(`${path}:${open.line}: a block without an end`);
  return found;
}

/** The rows of a page's tables, code spans as plain text, each as its cells. Separators are left out. */
export const rows = (text) =>
  text
    .split("\n")
    .filter((line) => line.startsWith("|") && !/^\|[-|]+\|$/.test(line))
    // A bar may stand in a code span.
    .map((line) =>
      line
        .slice(1, -1)
        .split(/(?<!\\)\|/)
        .map((cell) => cell.trim()),
    );

/** The part of a page that stands under a heading, down to the next one of the same or a higher rank. */
export function section(text, heading) {
  const [, level, rest] = new RegExp(`^(#+) ${heading}\n(.*)`, "ms").exec(text) ?? [];
  if (!level) throw new Error(`no heading “${heading}”`);
  return rest.split(new RegExp(`^#{1,${level.length}} `, "m"))[0];
}
