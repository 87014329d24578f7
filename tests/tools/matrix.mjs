// The table of what was built, by what, and how it did.

import { Table } from "../support/table.mjs";

const table = new Table(
  "tools-matrix",
  {
    tool: "tool",
    version: "version",
    entry: "entry",
    where: "in",
    policy: "policy",
    engine: "engine",
    result: "result",
  },
  ["tool", "version", "entry", "where", "engine"],
);

/** Has `action` happen, and records whether it did. */
export async function recorded(row, action) {
  const record = (result) => table.record([{ ...row, result }]);
  try {
    await action();
  } catch (error) {
    await record(`failed: ${error.message.split("\n")[0]}`);
    throw error;
  }
  await record("ok");
}
