import assert from "node:assert/strict";
import { test } from "node:test";
import { EvenkeelError } from "../../dist/errors.js";
import { Queue, toMessage } from "../../dist/queue.js";

const queue = (limits) => new Queue({ queueMessages: 3, queueBytes: 10, overflow: "throw", ...limits });

/** Pushes texts, a letter a byte, and returns what had to give way. */
const push = (target, ...texts) => texts.flatMap((text) => target.push(text, text.length));

test("bytes are counted as the standard counts them", () => {
  const bytes = (data) => toMessage(data)[1];
  assert.equal(bytes(""), 0);
  assert.equal(bytes("aé€😀"), 1 + 2 + 3 + 4);
  assert.equal(bytes("\ud800"), 3, "a lone surrogate is sent as U+FFFD");
  assert.equal(bytes("\udc00\ud800"), 6);
  assert.equal(bytes(12.5), 4, "what is nothing else is sent as text");
  assert.equal(bytes(new Blob(["é"])), 2);
  assert.equal(bytes(new File(["abc"], "name")), 3);
  assert.equal(bytes(new ArrayBuffer(5)), 5);
  assert.equal(bytes(new Uint16Array(new ArrayBuffer(8), 2, 2)), 4);
  assert.equal(bytes(new DataView(new ArrayBuffer(8), 3)), 5);
  assert.throws(() => bytes(Symbol("no")), TypeError);
});

test("binary data is sent as it was when it was given", () => {
  const view = new Uint8Array([0, 1, 2, 3]).subarray(1, 3);
  const [message] = toMessage(view);
  view.fill(9);
  assert.deepEqual(new Uint8Array(message), new Uint8Array([1, 2]));
  const buffer = new ArrayBuffer(2);
  const [copy] = toMessage(buffer);
  new Uint8Array(buffer).fill(9);
  assert.deepEqual(new Uint8Array(copy), new Uint8Array(2));
});

test("of what has been transferred nothing is sent, and what threads share is refused", () => {
  const buffer = new ArrayBuffer(2);
  const view = new Uint8Array(buffer);
  structuredClone(buffer, { transfer: [buffer] });
  for (const data of [buffer, view]) {
    const [message, bytes] = toMessage(data);
    assert.deepEqual([message.byteLength, bytes], [0, 0]);
  }
  assert.throws(() => toMessage(new Uint8Array(new SharedArrayBuffer(2))), TypeError);
  assert.deepEqual(toMessage(new SharedArrayBuffer(2)), ["[object SharedArrayBuffer]", 26]);
});

test("messages come out in the order they went in, and their bytes are counted", () => {
  const waiting = queue();
  assert.deepEqual(push(waiting, "a", "bb", ""), []);
  assert.deepEqual([waiting.length, waiting.bytes], [3, 3]);
  assert.deepEqual([waiting.shift(), waiting.shift(), waiting.shift(), waiting.shift()], ["a", "bb", "", undefined]);
  assert.deepEqual([waiting.length, waiting.bytes], [0, 0]);
});

test("clearing returns everything, once", () => {
  const waiting = queue();
  push(waiting, "a", "b");
  assert.deepEqual(waiting.clear(), ["a", "b"]);
  assert.deepEqual(waiting.clear(), []);
  assert.equal(waiting.bytes, 0);
});

test("throw: the message that does not fit is refused, and nothing else is touched", () => {
  const waiting = queue();
  push(waiting, "12345", "67890");
  assert.throws(
    () => push(waiting, "x"),
    (error) => error instanceof EvenkeelError && error.code === "queue-full" && error.remedy.length > 0,
  );
  assert.deepEqual(waiting.clear(), ["12345", "67890"]);
  push(waiting, "a", "b", "c");
  assert.throws(() => push(waiting, ""), { code: "queue-full" }, "the number is bounded, too");
});

test("drop-newest: the message that does not fit is dropped", () => {
  const waiting = queue({ overflow: "drop-newest" });
  assert.deepEqual(push(waiting, "a", "b", "c", "d", "e"), ["d", "e"]);
  assert.deepEqual(waiting.clear(), ["a", "b", "c"]);
});

test("drop-oldest: as many give way as it takes, by number and by bytes", () => {
  const waiting = queue({ overflow: "drop-oldest" });
  assert.deepEqual(push(waiting, "a", "b", "c", "d"), ["a"]);
  assert.deepEqual(push(waiting, "123456789"), ["b", "c"]);
  assert.deepEqual(waiting.clear(), ["d", "123456789"]);
});

test("drop-oldest: a message that fits into no queue drives nothing out", () => {
  const waiting = queue({ overflow: "drop-oldest" });
  assert.deepEqual(push(waiting, "a", "12345678901"), ["12345678901"]);
  assert.deepEqual(waiting.clear(), ["a"]);
  assert.deepEqual(push(queue({ overflow: "drop-oldest", queueMessages: 0 }), "a"), ["a"]);
});
