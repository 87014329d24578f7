import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test } from "node:test";
import { ask, parseWatch } from "../../dist/source.js";
import { rig, running, settled } from "./rig.mjs";

const never = new AbortController().signal;
const LIST = { servers: [{ url: "ws://a.example/" }] };

/** What is heard of a stream that comes in these parts and then ends: each list, "" for a sign of life, and how it fails. */
async function heardOf(parts, options = {}) {
  const encoder = new TextEncoder();
  const body = new ReadableStream({
    start(controller) {
      for (const part of parts) controller.enqueue(typeof part === "string" ? encoder.encode(part) : part);
      controller.close();
    },
  });
  const lists = [];
  let alive = 0;
  const hear = (answer) => {
    if (answer) lists.push(answer.document);
    else alive++;
  };
  const fetch = async () => new Response(body);
  const error = await ask("http://a.example/watch", { fetch, ...options }, never, hear).then(
    () => assert.fail("it has ended"),
    (error) => error,
  );
  return { lists, alive, code: error.code, error };
}

const event = (list) => `event: list\nid: 1\ndata: ${JSON.stringify(list)}\n\n`;

test("each list event is heard, and every arrival is a sign of life", async () => {
  const { lists, alive, code } = await heardOf([event([1]), ": comment\n\n", event([2]) + event([3])]);
  assert.deepEqual(lists, [[1], [2], [3]]);
  assert.equal(alive, 3);
  assert.equal(code, "stream-ended");
});

test("however the network cuts it, and however its lines end, a stream is the same lists", async () => {
  const lists = [["grüß"], { a: "\u2028 and \u2029", b: ["x"] }, []];
  for (const [end, space] of [
    ["\n", " "],
    ["\r\n", ""],
  ]) {
    const events = lists.map((list, index) => {
      // In several lines, as the standard allows.
      const lines = JSON.stringify(list, null, 1).split("\n");
      const data = lines.map((line) => `data:${space}${line}`);
      const rest = index % 2 ? ["retry: 10"] : [];
      return [": a comment", "id:7", ...data, `event:${space}list`, ...rest, "", ""].join(end);
    });
    const bytes = new TextEncoder().encode(`\ufeff${events.join(`: alive${end}${end}`)}`);
    for (const size of [1, 2, 3, 7, 64, bytes.length]) {
      const parts = [];
      for (let at = 0; at < bytes.length; at += size) parts.push(bytes.slice(at, at + size));
      const heard = await heardOf(parts);
      assert.deepEqual(heard.lists, lists, `${JSON.stringify(end)}, ${size} bytes at a time`);
    }
  }
});

test("events of other names, or of none, and what has not ended are not heard", async () => {
  const others = ["event: other\ndata: [1]", "event: listing\ndata: [1]", "data: [1]", "dataset: [1]\nevent: list", ""];
  const { lists } = await heardOf([others.join("\n\n"), event([2]), "event: list\ndata: [3]"]);
  assert.deepEqual(lists, [[2]]);
});

test("what is no list ends the stream, and what came before counts", async () => {
  const broken = await heardOf([event([1]), "event: list\ndata: {\n\n", event([2])]);
  assert.deepEqual([broken.lists, broken.code], [[[1]], "list-not-json"]);
  const page = await heardOf(["<!doctype html>\n\n<title>Log in</title>\n\n"]);
  assert.deepEqual([page.lists, page.code], [[], "stream-ended"]);
});

test("an event of more than 4 MiB is read no further, and any number of smaller ones are", async () => {
  const half = `event: list\ndata: ${"1".padStart(2_200_000)}\n\n`;
  const many = await heardOf([half, half, half, half]);
  assert.deepEqual([many.lists, many.code], [[1, 1, 1, 1], "stream-ended"]);
  let sent = 0;
  const endless = new ReadableStream({
    pull(controller) {
      sent += 65_536;
      controller.enqueue(new Uint8Array(65_536).fill(32));
    },
  });
  const fetch = async () => new Response(endless);
  const hear = () => {};
  await assert.rejects(ask("http://a.example/", { fetch }, never, hear), { code: "list-too-large" });
  assert.ok(sent <= 4_194_304 + 3 * 65_536, `${sent} bytes were read`);
});

test("the options of requests apply to it, and no cache keeps it", async () => {
  const asked = [];
  const fetch = async (...given) => {
    asked.push(given);
    return new Response(event("ws://a.example ws://b.example"));
  };
  const request = (url) => ({ headers: { authorization: `Bearer for ${url}` } });
  const parse = (text, response) => [text.length, response.status];
  const lists = [];
  const hear = (answer) => answer && lists.push(answer.document);
  await assert.rejects(ask("http://a.example/watch", { fetch, request, parse }, never, hear), { code: "stream-ended" });
  assert.deepEqual(lists, [['"ws://a.example ws://b.example"'.length, 200]]);
  const headers = { authorization: "Bearer for http://a.example/watch" };
  assert.deepEqual(asked, [["http://a.example/watch", { cache: "no-store", headers, signal: never }]]);
});

test("a stream that is refused is an answer, and one that breaks off or is aborted has ended", async (t) => {
  const server = createServer((request, response) => {
    if (request.url === "/full") response.writeHead(503, { "retry-after": "60" }).end();
    else response.write(event(LIST), () => request.url === "/breaks" && response.destroy());
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const at = (path) => `http://127.0.0.1:${server.address().port}${path}`;
  const { response } = await ask(at("/full"), {}, never, () => assert.fail("heard"));
  assert.deepEqual([response.status, response.headers.get("retry-after")], [503, "60"]);
  const lists = [];
  await assert.rejects(
    ask(at("/breaks"), {}, never, (answer) => answer && lists.push(answer.document)),
    { code: "stream-ended" },
  );
  assert.deepEqual(lists, [LIST]);
  const aborter = new AbortController();
  await assert.rejects(
    ask(at("/"), {}, aborter.signal, (answer) => answer && aborter.abort()),
    { code: "stream-ended" },
  );
});

test("each seed is watched at its sibling, with its query, or where the option says", () => {
  const seeds = ["https://a.example/api/servers?of=eu", "http://b.example/"];
  assert.deepEqual(parseWatch(true, seeds), ["https://a.example/api/watch?of=eu", "http://b.example/watch"]);
  assert.deepEqual(parseWatch("../stream", seeds), ["https://a.example/stream", "http://b.example/stream"]);
  const elsewhere = "https://c.example/s?x";
  assert.deepEqual(parseWatch(new URL(elsewhere), seeds), [elsewhere, elsewhere]);
  assert.deepEqual(parseWatch(false, seeds), []);
});

test("what cannot be watched is a wrong option", () => {
  for (const [watch, ...source] of [
    [true, "ws://a.example"],
    [true, { servers: [] }],
    [true, () => LIST],
    ["wss://a.example/watch", "https://a.example/servers"],
    ["http://", "https://a.example/servers"],
  ]) {
    assert.throws(() => rig({ source: source[0], watch, autoConnect: false }), {
      name: "EvenkeelError",
      code: "bad-option",
      message: /watch/,
    });
  }
});

test("what is heard of a stream is told to the driver by its request, and its end as that of a request", async () => {
  let controller;
  const body = new ReadableStream({
    start(it) {
      controller = it;
    },
  });
  const asked = [];
  const fetch = async (url) => {
    asked.push(url);
    return new Response(asked.length > 1 ? body : JSON.stringify(LIST));
  };
  const logged = [];
  const source = "https://a.example/servers";
  const made = await running({ source, watch: true, fetch, log: (kind) => logged.push(kind) });
  const aborter = new AbortController();
  made.face.ask(0, 3, aborter.signal, true);
  made.face.ask(0, 4, aborter.signal, false);
  controller.enqueue(new TextEncoder().encode(event(LIST)));
  await settled();
  assert.deepEqual(asked, [source, "https://a.example/watch"]);
  const of = (request) => made.calls.filter(([, it]) => it === request);
  assert.deepEqual(of(3), [
    ["answered", 3, undefined, undefined],
    ["answered", 3, 200, LIST],
  ]);
  assert.deepEqual(of(4), [["answered", 4, 200, LIST]], "the first request is still for the first list");
  controller.close();
  await settled();
  assert.deepEqual(of(3).at(-1), ["unanswered", 3, "stream-ended"]);
  assert.ok(logged.includes("stream-ended"));
});
