// The libraries' types and ours.

import { join } from "node:path";
import { test } from "node:test";
import { root, run } from "../support/package.mjs";

test("every library's types take the class", async () => {
  await run(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-p", join(root, "tests/clients")]);
});
