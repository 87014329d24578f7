// The ping of the application's own: what is sent, and which messages are only answers.
import assert from "node:assert/strict";
import { test } from "node:test";
import { reports, running, throwing } from "./rig.mjs";

/** What reaches the application of these messages. */
async function delivered(heartbeat, ...messages) {
  const made = await running(heartbeat && { heartbeat: { message: "ping", ...heartbeat } });
  const got = [];
  made.socket.onmessage = ({ data }) => got.push(data);
  const wire = made.open();
  for (const message of messages) wire.deliver(message);
  return got;
}

test("the driver is told how often and how long, by the defaults where nothing is said", async () => {
  const times = async (heartbeat) => {
    const { interval, timeout } = (await running({ heartbeat })).settings.heartbeat ?? {};
    return [interval, timeout];
  };
  assert.deepEqual(await times(undefined), [undefined, undefined]);
  assert.deepEqual(await times({ message: "ping" }), [25_000, 10_000]);
  assert.deepEqual(await times({ message: "ping", interval: 1, timeout: null }), [1, 10_000]);
});

test("the message is sent as it is, or as the function gives it each time, on the connection that is asked", async () => {
  const bytes = Uint8Array.of(9);
  let count = 0;
  const counting = () => {
    count += 1;
    return `ping ${count}`;
  };
  for (const [message, sent] of [
    ["ping", ["ping", "ping"]],
    [bytes, [bytes, bytes]],
    [counting, ["ping 1", "ping 2"]],
  ]) {
    const made = await running({ heartbeat: { message } });
    const asked = made.open();
    const next = made.migrate();
    made.face.beat(asked);
    made.face.beat(asked);
    assert.deepEqual([asked.sent, next.sent], [sent, []]);
  }
});

test("a message that cannot be had or sent is reported, and nothing breaks", async (t) => {
  const reported = reports(t);
  const fault = new Error("no ping");
  const made = await running({ heartbeat: { message: throwing(fault) } });
  const wire = made.open();
  made.face.beat(wire);
  assert.deepEqual([wire.sent, await reported()], [[], [fault]]);

  const refusing = await running({ heartbeat: { message: "ping" } });
  refusing.face.beat(Object.assign(refusing.open(), { send: throwing(fault) }));
  assert.deepEqual(await reported(), [fault]);
});

test("without a reply every message is the application's", async () => {
  assert.deepEqual(await delivered(undefined, "pong", undefined), ["pong", undefined]);
  assert.deepEqual(await delivered({}, "pong"), ["pong"]);
});

test("a reply that is a text is kept back wherever exactly it arrives", async () => {
  const pong = new TextEncoder().encode("pong").buffer;
  assert.deepEqual(await delivered({ reply: "pong" }, "pong", "pong!", "Pong", pong), ["pong!", "Pong", pong]);
  assert.deepEqual(await delivered({ reply: "" }, "", "pong"), ["pong"]);
});

test("a reply that is a function decides message by message", async () => {
  const asked = [];
  const reply = (data) => {
    asked.push(data);
    return data === "pong";
  };
  const binary = new ArrayBuffer(1);
  assert.deepEqual(await delivered({ reply }, "pong", binary, "1"), [binary, "1"]);
  assert.deepEqual(asked, ["pong", binary, "1"]);
});

test("a reply function that throws is reported, and the message is the application's", async (t) => {
  const reported = reports(t);
  const fault = new Error("mine");
  assert.deepEqual(await delivered({ reply: throwing(fault) }, "1"), ["1"]);
  assert.deepEqual(await reported(), [fault]);
});

test("an answer is a sign of life all the same, and is kept back from a replaced connection too", async () => {
  const made = await running({ heartbeat: { message: "ping", reply: "pong" } });
  const old = made.open();
  const next = made.migrate();
  made.heard.length = 0;
  next.send = () => {
    next.bufferedAmount += 7;
  };
  made.socket.send("1");
  old.deliver("pong");
  next.deliver("pong");
  assert.deepEqual(made.heard, []);
  made.socket.onclose = ({ handedOver }) => made.heard.push(handedOver);
  made.end({});
  assert.equal(made.heard.at(-1), 0);
});
