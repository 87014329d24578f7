// The tables of the documentation against the package: every option, event and code is in both.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { before, test } from "node:test";
import { createWebSocketClass } from "../../dist/index.js";
import { load } from "../../dist/load.js";
import { root } from "../support/package.mjs";
import { page, rows, section } from "./blocks.mjs";

/** The types that users see. */
const types = (name) => readFile(join(root, `dist/${name}.d.ts`), "utf8");

/** The names that a cell has in code spans: `"`open`, `close`"` gives both. */
const names = (cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name);

/** The rows below a table's head, from all tables of a text whose first column has this head. */
function table(text, head) {
  const found = [];
  let inside = false;
  let before;
  for (const line of text.split("\n")) {
    if (!line.startsWith("|")) inside = false;
    else if (/^\|[-|]+\|$/.test(line)) inside = rows(before)[0][0] === head;
    else if (inside) found.push(...rows(line));
    before = line;
  }
  assert.ok(found.length, `no table that begins with “${head}”`);
  return found;
}

/** The members of an interface, in order, each with what its comment says. */
function members(text, name) {
  const [, body] = new RegExp(`interface ${name}\\b[^{]*\\{\n(.*?)\n\\}`, "s").exec(text) ?? [];
  assert.ok(body, `no interface ${name}`);
  const found = new Map();
  for (const [, comment, member] of body.matchAll(/^ {4}(?:\/\*\*(.*?)\*\/\n {4})?(?:readonly )?(\w+)\??[:(]/gms)) {
    found.set(member, comment?.replace(/\s*\n\s*\*\s?/g, " ").trim() ?? "");
  }
  return found;
}

const sorted = (some) => [...new Set(some)].sort();

let options;
let readme;
before(async () => {
  options = await types("options");
  readme = await page("README.md");
});

test("every option is in the README's table, and nothing else is", () => {
  const documented = table(section(readme, "Options"), "option").flatMap(([cell]) => names(cell));
  assert.deepEqual(sorted(documented), sorted(members(options, "BalancedWebSocketOptions").keys()));
});

test("every option, also of classes, selectors and heartbeats, is described with its default where it is declared", () => {
  for (const name of ["BalancedWebSocketOptions", "WebSocketClassOptions", "SelectorOptions", "HeartbeatOptions"]) {
    for (const [option, comment] of members(options, name)) {
      assert.ok(comment.length > 10, `${name}.${option} has no comment`);
      // Of a signal there is nothing to say, nor of what a heartbeat sends, which must be given.
      if (option !== "signal" && option !== "message") assert.match(comment, /Default/, `${name}.${option}`);
    }
  }
});

test("defaults that are numbers are the same in the tables, in the types and in the code", async () => {
  const code = await import("../../dist/options.js");
  const used = code.socketOptions({ heartbeat: { message: "ping" } });
  const checks = (named, declared, values) => {
    for (const [cell, byDefault] of named) {
      const defaults = byDefault.split(",").map((text) => text.trim());
      for (const [at, name] of names(cell).entries()) {
        if (typeof values[name] !== "number") continue;
        const number = defaults[at] === "1 MiB" ? 1_048_576 : Number(defaults[at]);
        assert.equal(number, values[name], `${name} in the table`);
        const [, said] = /Default: ([\d,]+)/.exec(declared.get(name)) ?? [];
        assert.equal(Number(said?.replaceAll(",", "").replace(/,$/, "")), values[name], `${name} in the types`);
      }
    }
  };
  checks(table(section(readme, "Options"), "option"), members(options, "BalancedWebSocketOptions"), used);
  const heartbeat = table(await page("docs/reconnecting.md"), "`heartbeat`");
  checks(heartbeat, members(options, "HeartbeatOptions"), used.heartbeat);
  assert.deepEqual(
    sorted(heartbeat.flatMap(([cell]) => names(cell))),
    sorted(members(options, "HeartbeatOptions").keys()),
  );
});

test("a class has the options that the README and docs/libraries.md say it has", async () => {
  const own = [...members(options, "WebSocketClassOptions").keys()];
  const known = [...members(options, "BalancedWebSocketOptions").keys()].filter((name) => {
    try {
      createWebSocketClass("https://api.example.com/servers", { [name]: Symbol("of no kind") });
    } catch ({ message }) {
      return !message.includes("there is no");
    }
    throw new Error(`${name} can be anything`);
  });
  const said = readme.slice(readme.indexOf("has these of the options above:"));
  const shared = names(said.slice(0, said.indexOf("; and two")));
  assert.deepEqual(sorted([...shared, ...own]), sorted(known));
  const table = rows(await page("docs/libraries.md")).filter(([cell]) => own.includes(names(cell)[0]));
  assert.deepEqual(sorted(table.flatMap(([cell]) => names(cell))), sorted(own));
});

test("every event is in the README's table with the fields that it has", async () => {
  const events = await types("events");
  const lists = await types("list");
  const map = members(events, "BalancedWebSocketEventMap");
  const documented = table(section(readme, "What it tells you"), "event");
  assert.deepEqual(sorted(documented.flatMap(([cell]) => names(cell))), sorted(map.keys()));
  const ownFields = {
    close: [...members(events, "SocketCloseEvent").keys()],
    statechange: ["state"],
    list: [...members(events, "ListEvent").keys(), ...members(lists, "ListSummary").keys()],
    decision: [...members(lists, "Decision").keys()],
    migrate: [...members(events, "MigrateEvent").keys()],
    retry: [...members(events, "RetryEvent").keys()],
    drop: [...members(events, "DropEvent").keys()],
  };
  for (const [cell, fields] of documented) {
    for (const name of names(cell)) {
      const missing = (ownFields[name] ?? []).filter((field) => !names(fields).includes(field));
      assert.deepEqual(missing, [], `fields of ${name}`);
    }
  }
  const [, states] = /states: readonly \[([^\]]*)\]/.exec(events);
  const [row] = documented.filter(([cell]) => cell === "`statechange`");
  assert.deepEqual(sorted(names(row[2])), sorted([...states.matchAll(/"(\w+)"/g)].map(([, name]) => name)));
});

test("every event, and every field that its name does not explain, is described where it is declared", async () => {
  const events = await types("events");
  const plain = ["state", "from", "to", "messages"];
  for (const name of [
    "BalancedWebSocketEventMap",
    "SocketCloseEvent",
    "ListEvent",
    "MigrateEvent",
    "RetryEvent",
    "DropEvent",
    "StateChangeEvent",
  ]) {
    for (const [field, comment] of members(events, name)) {
      assert.ok(comment || plain.includes(field), `${name}.${field} has no comment`);
    }
  }
});

test("every code of an error is in docs/troubleshooting.md, and none that there is not", async () => {
  const [, union] = /declare const table: \{(.*?)\n\}/s.exec(await types("errors"));
  const errors = [...union.matchAll(/"([a-z]+-[a-z-]+)":/g)].map(([, code]) => code);
  assert.ok(errors.length > 10);
  // Those of lists stand below the others, in the same section.
  const documented = table(section(await page("docs/troubleshooting.md"), "Codes of errors"), "code");
  assert.deepEqual(sorted(documented.flatMap(([cell]) => names(cell))), sorted(errors));
});

test("every word that the core has for what it does is in the documentation, and none that it has not", async () => {
  const { Core } = await load(() => readFile(join(root, "dist/evenkeel.wasm")));
  const [exclusions, reasons, causes, drops, moves] = Core.words()
    .split(";")
    .map((words) => sorted(words.split(",").filter(Boolean)));
  const documented = async (file, heading, head) =>
    sorted(table(section(await page(file), heading), head).flatMap(([cell]) => names(cell)));
  assert.deepEqual(await documented("docs/troubleshooting.md", "Causes of a retry", "cause"), causes);
  assert.deepEqual(await documented("docs/troubleshooting.md", "Entries that are left out", "code"), drops);
  assert.deepEqual(await documented("docs/choosing.md", "Why this one", "reason"), reasons);
  assert.deepEqual(await documented("docs/moving.md", "How it moves", "reason"), moves);
  const remembered = section(await page("docs/choosing.md"), "What a client remembers");
  assert.deepEqual(
    exclusions.filter((word) => !remembered.includes(`\`${word}\``)),
    [],
  );
});
