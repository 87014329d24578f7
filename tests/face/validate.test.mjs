import assert from "node:assert/strict";
import { test } from "node:test";
import { parseClose, parseProtocols, parseUrl } from "../../dist/validate.js";

const syntaxError = { name: "SyntaxError", code: 12 };
const invalidAccessError = { name: "InvalidAccessError", code: 15 };

test("no subprotocol, one, and several are taken as the standard takes them", () => {
  assert.deepEqual(parseProtocols(), []);
  assert.deepEqual(parseProtocols("chat.v1"), ["chat.v1"]);
  assert.deepEqual(parseProtocols(["a", "b!#$%&'*+-.^_`|~"]), ["a", "b!#$%&'*+-.^_`|~"]);
  assert.deepEqual(parseProtocols(new Set(["a", "b"])), ["a", "b"]);
});

test("a subprotocol that is no token is a SyntaxError", () => {
  for (const bad of ["", "a b", "a,b", "a\0", "é", "a/b", 'a"', "[a]", {}]) {
    assert.throws(() => parseProtocols(bad), syntaxError, String(bad));
    assert.throws(() => parseProtocols(["ok", bad]), syntaxError, String(bad));
  }
});

test("a repeated subprotocol is a SyntaxError, whatever its case", () => {
  assert.throws(() => parseProtocols(["echo", "echo"]), syntaxError);
  assert.throws(() => parseProtocols(["echo", "eCho"]), syntaxError);
});

test("a URL that could never be connected to or fetched is a SyntaxError", () => {
  for (const bad of ["ws://foo bar/", "ftp://a/", "mailto:a@b.example", "/servers", "ws://a/#b", "https://me:it@a/"]) {
    assert.throws(() => parseUrl(bad), syntaxError, bad);
  }
  assert.equal(parseUrl("WS://A.example:80").href, "ws://a.example/");
  assert.equal(parseUrl("https://a.example/s#part").hash, "#part");
});

test("close codes other than 1000 and 3000 to 4999 are an InvalidAccessError", () => {
  for (const bad of [0, 999, 1001, 1005, 2999, 5000, 65536 + 1000, null, "now", Number.NaN, -1]) {
    assert.throws(() => parseClose(bad), invalidAccessError, String(bad));
  }
  for (const good of [1000, 3000, 4999]) assert.deepEqual(parseClose(good), [good, ""]);
  assert.deepEqual(parseClose("3001", "why"), [3001, "why"]);
  assert.deepEqual(parseClose(undefined, undefined), [undefined, ""]);
});

test("a close reason may have 123 bytes, not characters", () => {
  assert.deepEqual(parseClose(1000, "a".repeat(123)), [1000, "a".repeat(123)]);
  assert.deepEqual(parseClose(1000, "é".repeat(61)), [1000, "é".repeat(61)]);
  assert.throws(() => parseClose(1000, "a".repeat(124)), syntaxError);
  assert.throws(() => parseClose(1000, "é".repeat(62)), syntaxError);
});
