// The TCP connections of this machine, as Linux tells of them.

import { readFile } from "node:fs/promises";

/** Those that stand, or that only the other end has closed: as the tables of the kernel have it. */
const HELD = ["01", "08"];

/** How many connections are held by whoever listens on the port. */
export async function connectionsAt(port) {
  const tables = await Promise.all(["tcp", "tcp6"].map((name) => readFile(`/proc/net/${name}`, "utf8")));
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  return tables
    .flatMap((table) => table.split("\n").slice(1))
    .map((line) => line.trim().split(/\s+/))
    .filter(([, local, , state]) => local?.endsWith(suffix) && HELD.includes(state)).length;
}
