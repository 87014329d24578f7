import assert from "node:assert/strict";
import { test } from "node:test";
import { allowing, parseClose, parseProtocols, parseUrl } from "../../dist/validate.js";

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

test("options in the place of subprotocols, and passwords in URLs, are told of as such", () => {
  assert.throws(() => parseProtocols({ heartbeat: 1 }), /the third for options/);
  assert.throws(
    () => parseUrl("https://me:secret@a.example/"),
    ({ message }) => message.includes("credentials") && !message.includes("secret"),
  );
});

test("a repeated subprotocol is a SyntaxError; in another case it is another one, as for every browser", () => {
  assert.throws(() => parseProtocols(["echo", "echo"]), syntaxError);
  assert.deepEqual(parseProtocols(["echo", "eCho"]), ["echo", "eCho"]);
});

test("what cannot be a text is a TypeError, and what an iterable throws is thrown", () => {
  const fault = new RangeError("mine");
  const throwing = () => {
    throw fault;
  };
  for (const given of [Symbol("a"), [Symbol("a")], Object.create(null)]) {
    assert.throws(() => parseProtocols(given), TypeError);
  }
  for (const given of [{ [Symbol.iterator]: throwing }, [{ toString: throwing }]]) {
    assert.throws(() => parseProtocols(given), fault);
  }
});

test("a URL that could never be connected to or fetched is a SyntaxError", () => {
  for (const bad of [
    "ws://foo bar/",
    "ftp://a/",
    "mailto:a@b.example",
    "/servers",
    "ws://a/#b",
    "ws://a/#",
    "https://me:it@a/",
  ]) {
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
  for (const [half, even] of [
    [999.5, 1000],
    [1000.5, 1000],
    [3000.5, 3000],
    [3001.5, 3002],
  ]) {
    assert.deepEqual(parseClose(half), [even, ""], String(half));
  }
  assert.throws(() => parseClose(4999.5), invalidAccessError);
});

test("both arguments of close() are converted before either is checked", () => {
  for (const bad of [[1000n], [Symbol("a")], [1, Symbol("a")]]) assert.throws(() => parseClose(...bad), TypeError);
});

test("a close reason may have 123 bytes, not characters", () => {
  assert.deepEqual(parseClose(1000, "a".repeat(123)), [1000, "a".repeat(123)]);
  assert.deepEqual(parseClose(1000, "é".repeat(61)), [1000, "é".repeat(61)]);
  assert.throws(() => parseClose(1000, "a".repeat(124)), syntaxError);
  assert.throws(() => parseClose(1000, "é".repeat(62)), syntaxError);
});

test("hosts that are allowed are told with their port or for all ports, and no host is allowed for looking like one", () => {
  const allows = allowing(["a.example", "b.example:8443", "[::1]"]);
  const may = (...urls) => urls.map((url) => allows(new URL(url)));
  const [yes, no] = [true, false];
  assert.deepEqual(may("wss://a.example", "ws://A.example:8080/ws", "https://a.example"), [yes, yes, yes]);
  assert.deepEqual(may("wss://b.example:8443", "wss://b.example", "wss://b.example:8444"), [yes, no, no]);
  assert.deepEqual(may("ws://[::1]:8080", "ws://[::2]"), [yes, no]);
  const alike = ["wss://x.a.example", "wss://a.example.evil", "wss://a.example@evil.example", "wss://evil/a.example"];
  assert.deepEqual(may(...alike, "wss://notb.example:8443"), [no, no, no, no, no]);
});

test("the port may be told even if it is the one that goes without saying", () => {
  const allows = allowing(["a.example:443", "b.example:80"]);
  for (const url of ["wss://a.example", "https://a.example:443", "ws://b.example/"]) {
    assert.equal(allows(new URL(url)), true, url);
  }
  for (const url of ["ws://a.example", "wss://a.example:80", "wss://b.example"]) {
    assert.equal(allows(new URL(url)), false, url);
  }
});

test("an application's own function says yes by true alone; without any, nothing is asked", () => {
  for (const [answer, allowed] of [
    [true, true],
    [false, false],
    [undefined, false],
    [Promise.resolve(true), false],
  ]) {
    assert.equal(allowing(() => answer)(new URL("ws://a.example")), allowed);
  }
  assert.equal(allowing(undefined), undefined);
  assert.equal(allowing([])(new URL("ws://a.example")), false, "an empty list of hosts allows none");
});
