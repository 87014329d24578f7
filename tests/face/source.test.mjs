import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test } from "node:test";
import { ask, parseSource } from "../../dist/source.js";

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
      const { response, document } = await ask(url, { fetch: spy }, never);
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
      assert.deepEqual((await ask(url, { request: { headers } }, never)).document, ["Bearer 1", "/servers"]);
      const request = async (seed) => {
        assert.equal(seed, url);
        return { headers: { authorization: "Bearer 2" } };
      };
      assert.deepEqual((await ask(url, { request }, never)).document, ["Bearer 2", "/servers"]);
      const cause = new Error("no token");
      await assert.rejects(ask(url, { request: () => Promise.reject(cause) }, never), { code: "seed-failed", cause });
    },
  ));

test("an answer that is an HTTP error has no document", () =>
  serving(
    (_, response) => response.writeHead(503, { "retry-after": "3" }).end("busy"),
    async (url) => {
      const { response, document } = await ask(url, {}, never);
      assert.deepEqual([response.status, response.headers.get("retry-after"), document], [503, "3", undefined]);
    },
  ));

test("HTML, a cut answer and an empty one are not JSON", async () => {
  for (const body of ["<!doctype html><title>Log in</title>", '{"servers":[', ""]) {
    await serving(
      (_, response) => response.end(body),
      (url) => assert.rejects(ask(url, {}, never), { name: "EvenkeelError", code: "list-not-json" }),
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
  await assert.rejects(ask("http://a.example/", { fetch: endless }, never), { code: "list-too-large" });
  assert.ok(sent <= 4_194_304 + 3 * 65_536, `${sent} bytes were read`);
  const full = async () => new Response("1".padStart(4_194_304));
  assert.equal((await ask("http://a.example/", { fetch: full }, never)).document, 1);
});

test("a character cut in two by the network is read whole", async () => {
  const bytes = new TextEncoder().encode('["€"]');
  const body = new ReadableStream({
    start(controller) {
      for (const byte of bytes) controller.enqueue(Uint8Array.of(byte));
      controller.close();
    },
  });
  assert.deepEqual((await ask("http://a.example/", { fetch: async () => new Response(body) }, never)).document, ["€"]);
});

test("a seed that refuses, breaks off or is aborted is unreachable", async () => {
  await assert.rejects(ask("http://127.0.0.1:1/", {}, never), { code: "seed-unreachable" });
  await serving(
    (_, response) => {
      response.writeHead(200, { "content-length": "100" });
      response.write("{");
      setTimeout(() => response.destroy(), 20);
    },
    (url) => assert.rejects(ask(url, {}, never), { code: "seed-unreachable" }),
  );
  await serving(
    (_, response) => response.write("{"),
    async (url) => {
      const aborter = new AbortController();
      setTimeout(() => aborter.abort(), 20);
      await assert.rejects(ask(url, {}, aborter.signal), { code: "seed-unreachable" });
    },
  );
});

test("a function gives the list, as plain data", async () => {
  const list = [{ url: "ws://a.example", made: new Date(0), skipped: () => 0 }];
  const seed = async (signal) => {
    assert.equal(signal, never);
    return list;
  };
  assert.deepEqual(await ask(seed, {}, never), {
    response: undefined,
    document: [{ url: "ws://a.example", made: "1970-01-01T00:00:00.000Z" }],
  });
  assert.equal((await ask(() => undefined, {}, never)).document, null);
});

test("a function that throws, rejects or gives no plain data has failed, and its error is the cause", async () => {
  const fault = new Error("no route");
  const throwing = () => {
    throw fault;
  };
  for (const seed of [throwing, () => Promise.reject(fault)]) {
    await assert.rejects(ask(seed, {}, never), { code: "seed-failed", cause: fault });
  }
  await assert.rejects(
    ask(() => ({ users: 1n }), {}, never),
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
    const asked = ask(() => Promise.reject(thrown), {}, never);
    await assert.rejects(asked, { name: "EvenkeelError", code: "seed-failed", cause: thrown });
  }
});
