import assert from "node:assert/strict";
import { test } from "node:test";
import { selectorOptions, socketOptions } from "../../dist/options.js";

const badOption = (text) => ({ name: "EvenkeelError", code: "bad-option", message: text, remedy: /.+/ });

test("an option left out, undefined or null has its default", () => {
  const defaults = {
    seedTimeout: 5_000,
    connectTimeout: 10_000,
    minUptime: 30_000,
    closeTimeout: 5_000,
    queueMessages: 1_000,
    queueBytes: 1_048_576,
    overflow: "throw",
    autoConnect: true,
  };
  for (const given of [undefined, null, {}, { seedTimeout: undefined, overflow: null, signal: undefined }]) {
    const options = socketOptions(given);
    for (const name of Object.keys(options)) assert.equal(options[name], defaults[name], name);
    for (const name of Object.keys(defaults)) assert.ok(name in options, name);
  }
});

test("an option that does not exist is an error that names it", () => {
  for (const name of ["timeout", "wasm", "toString", "__proto__x"]) {
    assert.throws(() => socketOptions({ [name]: 1 }), badOption(new RegExp(`there is no ${name}`)));
  }
  assert.throws(() => selectorOptions({ seedTimeout: 1 }), badOption(/there is no seedTimeout/));
});

test("an option of the wrong kind is an error that says which would be right", () => {
  const wrong = [
    ["seedTimeout", 0, /number from 1 to 2147483647/],
    ["connectTimeout", "5", /number/],
    ["connectTimeout", Number.NaN, /number/],
    ["closeTimeout", Number.POSITIVE_INFINITY, /number/],
    ["minUptime", -1, /number from 0/],
    ["queueMessages", -1, /number/],
    ["overflow", "block", /'drop-oldest'/],
    ["autoConnect", 1, /boolean/],
    ["shouldReconnect", true, /function/],
    ["log", "function", /function/],
    ["request", "GET", /object or function/],
    ["signal", 5, /object/],
    ["randomSeed", 2 ** 53, /9007199254740991/],
  ];
  for (const [name, value, text] of wrong) {
    assert.throws(() => socketOptions({ [name]: value }), badOption(new RegExp(`${name}.*${text.source}`)), name);
  }
});

test("what is right is taken", () => {
  const given = {
    minUptime: 0,
    queueMessages: 0,
    overflow: "drop-oldest",
    autoConnect: false,
    request: {},
    signal: new AbortController().signal,
    shouldReconnect: () => true,
    randomSeed: 2 ** 53 - 1,
  };
  assert.deepEqual(socketOptions({ ...socketOptions(), ...given }), { ...socketOptions(), ...given });
  assert.deepEqual(selectorOptions({ randomSeed: 1, base: "https://a.example" }), {
    randomSeed: 1,
    base: "https://a.example",
  });
});
