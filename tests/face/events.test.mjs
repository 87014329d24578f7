import assert from "node:assert/strict";
import { test } from "node:test";
import { makeCloseEvent, makeEvent } from "../../dist/events.js";

const closing = { code: 1006, reason: "gone", wasClean: false };

test("a close event has code, reason and wasClean, with and without the platform's class", (t) => {
  const own = globalThis.CloseEvent;
  t.after(() => {
    globalThis.CloseEvent = own;
  });

  globalThis.CloseEvent = undefined;
  const plain = makeCloseEvent(closing);
  assert.ok(plain instanceof Event);
  assert.deepEqual([plain.type, plain.code, plain.reason, plain.wasClean], ["close", 1006, "gone", false]);

  globalThis.CloseEvent = class extends Event {
    constructor(type, init) {
      super(type);
      Object.assign(this, init);
    }
  };
  const real = makeCloseEvent(closing);
  assert.ok(real instanceof globalThis.CloseEvent);
  assert.deepEqual([real.type, real.code, real.reason, real.wasClean], ["close", 1006, "gone", false]);
});

test("an event of ours is an Event with its fields", () => {
  const event = makeEvent("retry", { delay: 5, cause: "crash", attempt: 1 });
  assert.ok(event instanceof Event);
  assert.deepEqual([event.type, event.delay, event.cause, event.attempt], ["retry", 5, "crash", 1]);
});
