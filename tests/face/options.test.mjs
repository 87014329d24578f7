import assert from "node:assert/strict";
import { test } from "node:test";
import { selectorOptions, socketOptions } from "../../dist/options.js";
import { running } from "./rig.mjs";

const badOption = (text) => ({ name: "EvenkeelError", code: "bad-option", message: text, remedy: /.+/ });

test("an option left out, undefined or null has its default", () => {
  const defaults = {
    seedTimeout: 5_000,
    refreshInterval: 60_000,
    watch: false,
    credentialTimeout: 10_000,
    connectTimeout: 10_000,
    hedge: false,
    failback: true,
    linger: 5_000,
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
    ["parse", "json", /function/],
    ["refreshInterval", 0, /false or number from 1/],
    ["refreshInterval", true, /false or number/],
    ["refreshInterval", Number.POSITIVE_INFINITY, /false or number/],
    ["watch", 1, /boolean or string or object/],
    ["cache", true, /false or string/],
    ["cache", 1, /false or string/],
    ["fallback", 5, /string or object/],
    ["allow", "a.example", /function/],
    ["rank", 1, /function/],
    ["affinity", 5, /string/],
    ["url", "ws://a.example", /function/],
    ["protocols", ["p"], /function/],
    ["credentialTimeout", 0, /number from 1/],
    ["prepare", {}, /function/],
    ["hedge", 1, /boolean/],
    ["heartbeat", "ping", /object/],
    ["silenceTimeout", -1, /number from 1/],
    ["silenceTimeout", false, /number from 1/],
    ["failback", "yes", /boolean/],
    ["rebalance", 0, /boolean/],
    ["linger", -1, /number from 0/],
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
    ["signal", {}, /AbortSignal/],
    ["allow", ["https://a.example/x"], /hosts expected/],
    ["allow", ["*.a.example"], /hosts expected/],
    ["seedTimeout", "5000", /not "5000"/],
    ["randomSeed", 2 ** 53, /9007199254740991/],
  ];
  for (const [name, value, text] of wrong) {
    assert.throws(() => socketOptions({ [name]: value }), badOption(new RegExp(`${name}.*${text.source}`)), name);
  }
});

test("hosts that are in no array are a wrong option, and not a ban on every host", () => {
  for (const allow of [{}, new Set(["a.example"]), { "a.example": true }]) {
    assert.throws(() => socketOptions({ allow }), badOption(/allow/));
  }
});

test("what is right is taken", () => {
  const given = {
    refreshInterval: false,
    watch: "stream",
    parse: JSON.parse,
    cache: "",
    fallback: ["ws://a.example"],
    allow: ["a.example"],
    rank: () => 0,
    affinity: "",
    url: () => "ws://a.example",
    protocols: () => [],
    credentialTimeout: 2 ** 31 - 1,
    prepare: async () => {},
    hedge: true,
    silenceTimeout: 1,
    failback: false,
    rebalance: true,
    linger: 0,
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

test("each option of a heartbeat has its default, and a wrong one is an error that names it", () => {
  const { heartbeat } = socketOptions({ heartbeat: { message: "ping", interval: undefined, reply: null } });
  assert.deepEqual(heartbeat, { message: "ping", reply: undefined, interval: 25_000, timeout: 10_000 });
  assert.equal(socketOptions().heartbeat, undefined);
  const given = { message: () => "ping", reply: () => true, interval: 1, timeout: 1 };
  assert.deepEqual(socketOptions({ heartbeat: given }).heartbeat, given);
  for (const [name, value, text] of [
    ["message", 5, /string or object or function/],
    ["reply", /pong/, /string or function/],
    ["interval", 0, /number from 1/],
    ["timeout", Number.NaN, /number from 1/],
    ["every", 5, /there is no every/],
  ]) {
    const wrong = { heartbeat: { message: "ping", [name]: value } };
    assert.throws(() => socketOptions(wrong), badOption(new RegExp(`(?=.*${name}).*${text.source}`)), name);
  }
});

test("a heartbeat without a message is an error", () => {
  for (const heartbeat of [{}, { message: null }, { reply: "pong" }, []]) {
    assert.throws(() => socketOptions({ heartbeat }), badOption(/heartbeat.*message/));
  }
});

test("what reaches the driver of the options is in its words", async () => {
  const { settings } = await running({
    ...{ refreshInterval: false, silenceTimeout: 5, linger: 0, credentialTimeout: 7, affinity: "room", randomSeed: 3 },
    ...{ hedge: true, failback: false, fallback: "ws://z.example" },
  });
  const { hedge, failback, refreshInterval, silenceTimeout, linger, credentialTimeout, affinity, randomSeed } =
    settings;
  assert.deepEqual(
    [refreshInterval, silenceTimeout, linger, credentialTimeout, affinity, randomSeed],
    [false, 5, 0, 7, "room", 3],
  );
  assert.deepEqual([hedge, failback], [true, false]);
  assert.deepEqual(settings.fallback, [{ url: "ws://z.example/" }]);

  const { settings: byDefault } = await running();
  assert.equal(byDefault.refreshInterval, 60_000);
  assert.equal(byDefault.fallback, undefined);
  assert.deepEqual([byDefault.hedge, byDefault.failback], [false, true]);
});
