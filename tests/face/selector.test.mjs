// What the selector does before the core is asked; its decisions are tested with the real one in `tests/package`.
import assert from "node:assert/strict";
import { test } from "node:test";
import { makeSelector } from "../../dist/selector.js";

/** A core that only hears of lists. */
const hearing = (take) =>
  class {
    static words = () => ";;;;";
    summary = () => Float64Array.of(Number.NaN, Number.NaN, Number.NaN);
    take(...given) {
      take(...given);
      return false;
    }
  };

test("reports are of listed servers and known kinds, and reach the core as numbers; of lost ones only the listed count", async () => {
  const told = [];
  class Core {
    static words = () => ";;overload,crash,seed-timeout,;;";
    find = (id) => ["a", "b"].indexOf(id);
    assess = (_now, lost, failures) => told.push(["assess", lost && [...lost], failures]);
    draw = () => undefined;
    reportFailure(_now, server, kind) {
      told.push(["failure", server, kind]);
      return kind >= 0 && kind < 2;
    }
    reportSuccess = () => told.push(["success"]);
  }
  const selector = await makeSelector(async () => ({ Core }));
  selector.reportFailure("b", { kind: "crash" });
  selector.reportSuccess("a");
  selector.select({ lost: ["z", "b"], failures: 2 });
  selector.select();
  assert.deepEqual(told, [["failure", 1, 1], ["success"], ["assess", [1], 2], ["assess", undefined, Number.NaN]]);
  assert.throws(() => selector.reportFailure("z", { kind: "crash" }), { code: "unknown-server" });
  assert.throws(() => selector.reportSuccess("z"), { code: "unknown-server" });
  for (const kind of ["mood", "seed-timeout", undefined]) {
    assert.throws(() => selector.reportFailure("a", { kind }), { code: "unknown-kind" });
  }
});

test("a list whose getters throw is an invalid list, and never reaches the core", async () => {
  const taken = [];
  const Core = hearing((...given) => taken.push(given));
  const selector = await makeSelector(async () => ({ Core }));
  selector.update({ servers: [{ url: "ws://a.example" }] });
  assert.equal(taken.length, 1);
  const hostile = {
    get servers() {
      throw new Error("mine");
    },
  };
  assert.throws(() => selector.update(hostile), { code: "list-invalid", message: /mine/ });
  assert.throws(() => selector.update({ servers: "none" }), { code: "list-invalid" });
  assert.equal(taken.length, 1);
});

test("a document is written out value by value: numbers, and one text of all strings", async () => {
  let written;
  const Core = hearing((_now, _from, length, numbers, given) => {
    written = [length, [...numbers], given.split("\0")];
  });
  const selector = await makeSelector(async () => ({ Core }), { base: "https://seed.example/servers" });
  // In each row a rank comes last, of which a selector has none.
  const absent = Array(8).fill(-1);
  selector.update({
    version: "v",
    age: 1.5,
    servers: [
      { url: "/a", id: "a\0b", available: true, users: -1, priority: [], capacity: Number.NaN, weight: null },
      { url: "wss://b.example/", draining: false, connectRate: 0 },
      { url: "http://[" },
      { url: "" },
      [],
      null,
    ],
  });
  assert.deepEqual(written, [
    6,
    [
      ...[-4, 1.5, -1, -1, -1],
      ...[-4, -4, -3, -5, -5, -5, -1, -1, -1, -1],
      ...[-4, -1, -1, -1, -1, -1, -1, -2, 0, -1],
      ...[-5, -1, ...absent],
      ...[-1, -1, ...absent],
      ...[-6, -1, ...absent],
      ...[-6, -1, ...absent],
    ],
    ["v", "https://seed.example/a", "a\ufffdb", "wss://b.example/"],
  ]);
});

test("a URL is read as the platform's parser reads it, whether or not that was asked", async () => {
  let text;
  const Core = hearing((_now, _from, _length, _numbers, given) => {
    text = given;
  });
  const selector = await makeSelector(async () => ({ Core }));
  const hosts = [
    "a",
    "lon-1.example.com",
    "LON.example",
    "1.2.3.4",
    "1.2",
    "xn--a",
    "a.1",
    "a..b",
    "[::1]",
    "a_b",
    "u@h",
  ];
  const ports = ["", ":80", ":443", ":8080", ":08080", ":65535", ":99999", ":"];
  const paths = ["", "/", "/ws", "/a/../b", "/a/./b", "/a b", "/%41", "//", "/a?b", "/a-b_c/", "/ä"];
  for (const scheme of ["ws:", "wss:"]) {
    for (const host of hosts) {
      for (const port of ports) {
        for (const path of paths) {
          const url = `${scheme}//${host}${port}${path}`;
          selector.update([{ url }]);
          assert.equal(text, URL.canParse(url) ? new URL(url).href : "", url);
        }
      }
    }
  }
});
