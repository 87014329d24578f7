import assert from "node:assert/strict";
import { test } from "node:test";
import { watchPage } from "../../dist/page.js";
import { page } from "./rig.mjs";

/** A page that is watched, and what was told of it since it was last asked. */
function watched(t, around = {}) {
  const made = page(t);
  Object.assign(made.document, around.document);
  Object.assign(made.navigator, around.navigator);
  Object.assign(made.connection, around.connection);
  const news = [];
  const end = watchPage((it) => news.push(it));
  return { ...made, end, told: () => news.splice(0) };
}

test("what happens to the network, and the page's sleep and return, is told", (t) => {
  const { fire, told } = watched(t);
  for (const [on, type, fields, news] of [
    ["window", "offline", {}, "offline"],
    ["window", "online", {}, "online"],
    ["window", "pagehide", { persisted: true }, "asleep"],
    ["window", "pageshow", { persisted: true }, "wake"],
    ["document", "freeze", {}, "asleep"],
    ["document", "resume", {}, "wake"],
    ["document", "visibilitychange", {}, "look"],
  ]) {
    fire(on, type, fields);
    assert.deepEqual(told(), [news], type);
  }
});

test("a page that is hidden is told, also at the start", (t) => {
  const { fire, told, document } = watched(t);
  document.visibilityState = "hidden";
  fire("document", "visibilitychange");
  assert.deepEqual(told(), ["hidden"]);
  assert.deepEqual(watched(t, { document: { visibilityState: "hidden" } }).told(), ["hidden"]);
});

test("a page that is shown for the first time or left for good is no news", (t) => {
  const { fire, told } = watched(t);
  fire("window", "pageshow", { persisted: false });
  fire("window", "pagehide", { persisted: false });
  assert.deepEqual(told(), []);
});

test("another kind of network is a reason to wake, another speed and none are not", (t) => {
  const { fire, told, connection } = watched(t);
  const becomes = (type) => {
    connection.type = type;
    fire("connection", "change");
    return told();
  };
  assert.deepEqual(becomes("wifi"), [], "an estimate of its speed");
  assert.deepEqual(becomes("cellular"), ["wake"]);
  assert.deepEqual(becomes("none"), []);
  assert.deepEqual(becomes("cellular"), ["wake"], "it may be a new address");
  assert.deepEqual(becomes("cellular"), []);
});

test("where the kind of network is not known, its changes say nothing", (t) => {
  const { fire, told } = watched(t, { connection: { type: undefined } });
  fire("connection", "change");
  assert.deepEqual(told(), []);
});

test("no network at the start is told at once", (t) => {
  assert.deepEqual(watched(t, { navigator: { onLine: false } }).told(), ["offline"]);
  assert.deepEqual(watched(t).told(), []);
  assert.deepEqual(watched(t, { navigator: { onLine: undefined } }).told(), [], "who does not know is not asked");
});

test("at the end no listener is left, and nothing is told any more", (t) => {
  const { fire, told, end, listeners } = watched(t);
  assert.equal(listeners().length, 8);
  end();
  assert.deepEqual(listeners(), []);
  fire("window", "offline");
  fire("document", "freeze");
  assert.deepEqual(told(), []);
});

test("where there is neither page nor events, as in Node, there is nothing to tell", () => {
  watchPage(() => assert.fail("told"))();
});
