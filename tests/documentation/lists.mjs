// Lists of the documentation: the schema allows them, and nothing of them is left out when they are read.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Validator } from "@cfworker/json-schema";
import { createSelector } from "../../dist/index.js";
import { root } from "../support/package.mjs";

const schema = JSON.parse(await readFile(join(root, "src/js/server-list.schema.json"), "utf8"));
const validator = new Validator(schema, "2020-12", false);

/** Where a list is read, for relative URLs. */
const BASE = "https://api.example.com/servers";

/** Checks a list. */
export async function check(text) {
  const list = JSON.parse(text);
  const { valid, errors } = validator.validate(list);
  assert.ok(valid, JSON.stringify(errors));
  const selector = await createSelector({ base: BASE });
  const { servers, dropped } = selector.update(list);
  assert.deepEqual(dropped, []);
  assert.equal(servers, (list.servers ?? list).length);
}
