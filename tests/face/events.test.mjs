import assert from "node:assert/strict";
import { test } from "node:test";
import { makeCloseEvent, makeEvent } from "../../dist/events.js";
import { stub } from "./rig.mjs";

const closing = { code: 1006, reason: "gone", wasClean: false };

test("a close event has code, reason and wasClean, with and without the platform's class", (t) => {
  class Real extends Event {
    constructor(type, init) {
      super(type);
      for (const name of Object.keys(init)) Object.defineProperty(this, name, { get: () => init[name] });
    }
  }
  for (const [platforms, kind] of [
    [undefined, Event],
    [Real, Real],
  ]) {
    stub(t, "CloseEvent", { value: platforms });
    const event = makeCloseEvent(closing, { moved: true, handedOver: 5 });
    assert.ok(event instanceof kind);
    const { type, code, reason, wasClean, moved, handedOver } = event;
    assert.deepEqual([type, code, reason, wasClean], ["close", 1006, "gone", false]);
    assert.deepEqual([moved, handedOver], [true, 5]);
  }
});

test("an event of ours is an Event with its fields", () => {
  const event = makeEvent("retry", { delay: 5, cause: "crash", attempt: 1 });
  assert.ok(event instanceof Event);
  assert.deepEqual([event.type, event.delay, event.cause, event.attempt], ["retry", 5, "crash", 1]);
});
