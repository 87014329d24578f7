import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test } from "node:test";
import { ask as askWith, parseFallback, parseSource } from "../../dist/source.js";
import { throwing } from "./rig.mjs";

/** Runs `use` with the URL of an HTTP server that answers so. */
async function serving(answer, use) {
  const server = createServer(answer).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  try {
    return await use(`http://127.0.0.1:${server.address().port}/servers`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

const never = new AbortController().signal;

const ask = (seed, options = {}, { allows, signal = never } = {}) => askWith(seed, { ...options, allows }, signal);

test("seed URLs are seeds, each its own base", () => {
  const seeds = ["https://a.example/servers", "http://b.example/"];
  assert.deepEqual(parseSource([seeds[0], new URL(seeds[1])]), { seeds, bases: seeds, fixed: undefined });
  assert.deepEqual(parseSource(seeds[0]).seeds, [seeds[0]]);
});

test("ws URLs are a fixed list", () => {
  assert.deepEqual(parseSource("wss://a.example").fixed, [{ url: "wss://a.example/" }]);
  const { seeds, fixed } = parseSource(["ws://a.example/1", "wss://b.example/2"]);
  assert.deepEqual(seeds, []);
  assert.deepEqual(fixed, [{ url: "ws://a.example/1" }, { url: "wss://b.example/2" }]);
});

test("a list given is taken as it is now", () => {
  const list = { servers: [{ url: "ws://a.example", region: { name: "eu" } }] };
  const { seeds, fixed } = parseSource(list);
  list.servers[0].region.name = "us";
  assert.deepEqual(seeds, []);
  assert.deepEqual(fixed, { servers: [{ url: "ws://a.example", region: { name: "eu" } }] });
  assert.deepEqual(parseSource([{ url: "ws://a.example" }]).fixed, [{ url: "ws://a.example" }]);
});

test("what names no servers is refused with a remedy", () => {
  const circular = {};
  circular.servers = circular;
  for (const bad of [undefined, null, 5, true, [], ["ws://a.example", "https://b.example"], circular]) {
    assert.throws(() => parseSource(bad), { name: "EvenkeelError", code: "bad-source", remedy: /.+/ });
  }
  assert.throws(() => parseSource(["https://a.example", "nonsense"]), { name: "SyntaxError" });
});

test("a seed is asked plainly, and its answer comes with the response", () =>
  serving(
    (request, response) => {
      assert.equal(request.method, "GET");
      response.setHeader("Age", "7");
      response.end('\ufeff{"servers":[]}');
    },
    async (url) => {
      const asked = [];
      const spy = (...given) => {
        asked.push(given);
        return fetch(...given);
      };
      const { response, document } = await ask(url, { fetch: spy });
      assert.deepEqual(document, { servers: [] });
      assert.equal(response.headers.get("age"), "7");
      assert.deepEqual(asked, [[url, { cache: "no-cache", signal: never }]]);
    },
  ));

test("the request can be given, or worked out for each", () =>
  serving(
    (request, response) => response.end(JSON.stringify([request.headers.authorization, request.url])),
    async (url) => {
      const headers = { authorization: "Bearer 1" };
      assert.deepEqual((await ask(url, { request: { headers } })).document, ["Bearer 1", "/servers"]);
      const request = async (seed) => {
        assert.equal(seed, url);
        return { headers: { authorization: "Bearer 2" } };
      };
      assert.deepEqual((await ask(url, { request })).document, ["Bearer 2", "/servers"]);
      const cause = new Error("no token");
      await assert.rejects(ask(url, { request: () => Promise.reject(cause) }), { code: "seed-failed", cause });
    },
  ));

test("an answer that is an HTTP error has no document", () =>
  serving(
    (_, response) => response.writeHead(503, { "retry-after": "3" }).end("busy"),
    async (url) => {
      const { response, document } = await ask(url);
      assert.deepEqual([response.status, response.headers.get("retry-after"), document], [503, "3", undefined]);
    },
  ));

test("HTML, a cut answer and an empty one are not JSON", async () => {
  for (const body of ["<!doctype html><title>Log in</title>", '{"servers":[', ""]) {
    await serving(
      (_, response) => response.end(body),
      (url) => assert.rejects(ask(url), { name: "EvenkeelError", code: "list-not-json" }),
    );
  }
});

test("reading stops at 4 MiB, whatever still comes", async () => {
  let sent = 0;
  const body = new ReadableStream({
    pull(controller) {
      sent += 65_536;
      controller.enqueue(new Uint8Array(65_536).fill(32));
    },
  });
  const endless = async () => new Response(body);
  await assert.rejects(ask("http://a.example/", { fetch: endless }), { code: "list-too-large" });
  assert.ok(sent <= 4_194_304 + 3 * 65_536, `${sent} bytes were read`);
  const full = async () => new Response("1".padStart(4_194_304));
  assert.equal((await ask("http://a.example/", { fetch: full })).document, 1);
});

test("a character cut in two by the network is read whole", async () => {
  const bytes = new TextEncoder().encode('["€"]');
  const body = new ReadableStream({
    start(controller) {
      for (const byte of bytes) controller.enqueue(Uint8Array.of(byte));
      controller.close();
    },
  });
  assert.deepEqual((await ask("http://a.example/", { fetch: async () => new Response(body) })).document, ["€"]);
});

test("a seed that refuses, breaks off or is aborted is unreachable", async () => {
  await assert.rejects(ask("http://127.0.0.1:1/"), { code: "seed-unreachable" });
  await serving(
    (_, response) => {
      response.writeHead(200, { "content-length": "100" });
      response.write("{");
      setTimeout(() => response.destroy(), 20);
    },
    (url) => assert.rejects(ask(url), { code: "seed-unreachable" }),
  );
  await serving(
    (_, response) => response.write("{"),
    async (url) => {
      const aborter = new AbortController();
      setTimeout(() => aborter.abort(), 20);
      await assert.rejects(ask(url, {}, { signal: aborter.signal }), { code: "seed-unreachable" });
    },
  );
});

test("an answer in another format is read by parse, at once or later, which sees the answer too", () =>
  serving(
    (_, response) => response.setHeader("x-region", "eu").end("ws://a.example ws://b.example"),
    async (url) => {
      const parse = (text, response) =>
        text.split(" ").map((it) => ({ url: it, region: response.headers.get("x-region") }));
      const list = [
        { url: "ws://a.example", region: "eu" },
        { url: "ws://b.example", region: "eu" },
      ];
      for (const reading of [parse, async (...given) => parse(...given)]) {
        const { response, document } = await ask(url, { parse: reading });
        assert.deepEqual(document, list);
        assert.equal(response.status, 200, "whose headers count as those of any other");
      }
    },
  ));

test("what parse gives is taken as plain data, and none of it where it gives nothing", async () => {
  const fetch = async () => new Response("text");
  const parse = () => ({ servers: [], made: new Date(0), skipped: () => 0 });
  const { document } = await ask("http://a.example/", { fetch, parse });
  assert.deepEqual(document, { servers: [], made: "1970-01-01T00:00:00.000Z" });
  assert.equal((await ask("http://a.example/", { fetch, parse: () => {} })).document, null);
});

test("a parse that throws, rejects or gives no plain data has failed, and its error is the cause", async () => {
  const fetch = async () => new Response("text");
  const cause = new Error("not my format");
  for (const parse of [throwing(cause), () => Promise.reject(cause)]) {
    await assert.rejects(ask("http://a.example/", { fetch, parse }), { code: "parse-failed", cause });
  }
  await assert.rejects(ask("http://a.example/", { fetch, parse: () => ({ users: 1n }) }), { code: "parse-failed" });
});

test("parse is asked for lists only: not for errors of HTTP, nor for what a function gives", async () => {
  const parse = () => assert.fail("asked");
  const fetch = async () => new Response("busy", { status: 503 });
  assert.equal((await ask("http://a.example/", { fetch, parse })).response.status, 503);
  assert.deepEqual((await ask(() => [], { parse })).document, []);
});

test("a seed may redirect to where a list may send the client, and nowhere else", () =>
  serving(
    (request, response) => {
      if (request.url === "/servers") response.writeHead(307, { location: "/elsewhere?x" }).end();
      else response.end("[]");
    },
    async (url) => {
      const asked = [];
      const saying = (answer) => (it) => {
        asked.push(it.href);
        return answer;
      };
      const target = url.replace("servers", "elsewhere?x");
      assert.deepEqual((await ask(url)).document, []);
      assert.deepEqual((await ask(url, {}, { allows: saying(true) })).document, []);
      const stray = ask(url, {}, { allows: saying(false) });
      await assert.rejects(stray, ({ code, message }) => code === "seed-redirected" && message.includes(target));
      assert.deepEqual(asked, [target, target]);
      assert.deepEqual((await ask(target, {}, { allows: () => assert.fail("asked") })).document, []);
    },
  ));

test("a redirect to where it may not lead is that, whatever the status there", () =>
  serving(
    (request, response) => {
      if (request.url === "/servers") response.writeHead(302, { location: "/elsewhere" }).end();
      else response.writeHead(503, { "retry-after": "3600" }).end();
    },
    (url) => assert.rejects(ask(url, {}, { allows: () => false }), { code: "seed-redirected" }),
  ));

test("URLs of WebSockets are a fallback", () => {
  assert.equal(parseFallback(undefined), undefined);
  assert.deepEqual(parseFallback("wss://a.example"), [{ url: "wss://a.example/" }]);
  assert.deepEqual(parseFallback(new URL("wss://a.example/ws")), [{ url: "wss://a.example/ws" }]);
  assert.deepEqual(parseFallback(["ws://a.example", new URL("wss://b.example")]), [
    { url: "ws://a.example/" },
    { url: "wss://b.example/" },
  ]);
});

test("a fallback that is anything else is a wrong option", () => {
  for (const bad of [
    "https://a.example",
    ["https://a.example"],
    ["ws://a.example", "https://b.example"],
    [],
    {},
    [5],
  ]) {
    assert.throws(() => parseFallback(bad), { code: "bad-option", message: /fallback/ }, JSON.stringify(bad));
  }
  for (const bad of ["nonsense", ["ws://a.example/#part"]]) {
    assert.throws(() => parseFallback(bad), { name: "SyntaxError" });
  }
});

test("a function gives the list, as plain data", async () => {
  const list = [{ url: "ws://a.example", made: new Date(0), skipped: () => 0 }];
  const seed = async (signal) => {
    assert.equal(signal, never);
    return list;
  };
  const before = performance.now();
  const { response, document, at } = await ask(seed);
  assert.equal(response, undefined);
  assert.deepEqual(document, [{ url: "ws://a.example", made: "1970-01-01T00:00:00.000Z" }]);
  assert.ok(at >= before && at <= performance.now());
  assert.equal((await ask(() => undefined)).document, null);
});

test("a function that throws, rejects or gives no plain data has failed, and its error is the cause", async () => {
  const fault = new Error("no route");
  for (const seed of [throwing(fault), () => Promise.reject(fault)]) {
    await assert.rejects(ask(seed), { code: "seed-failed", cause: fault });
  }
  await assert.rejects(
    ask(() => ({ users: 1n })),
    { code: "seed-failed" },
  );
});

test("whatever a function rejects with, the error is ours", async () => {
  const mute = {
    toString() {
      throw new Error("no words");
    },
  };
  for (const thrown of [undefined, null, "text", Symbol("s"), Object.create(null), mute]) {
    const asked = ask(() => Promise.reject(thrown));
    await assert.rejects(asked, { name: "EvenkeelError", code: "seed-failed", cause: thrown });
  }
});
