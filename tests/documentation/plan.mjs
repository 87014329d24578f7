// How each block of the documentation is run: by page, by heading, in order. A block that is not here fails the suite,
// and so does an entry without a block.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { ask } from "../../dist/source.js";
import { root } from "../support/package.mjs";
import { startSeed } from "../support/seed.mjs";
import * as lists from "./lists.mjs";
import { inNode } from "./programs.mjs";
import * as shell from "./shell.mjs";
import { bundle, localised, write } from "./stage.mjs";

/** Commands: there are such scripts, and they know what they are given. */
const commands = ({ code }) => shell.check(code);

/** A list: the schema allows it, and nothing of it is left out. */
const list = ({ code }) => lists.check(code);

/** Run by other tests, of which this file names the page. */
const elsewhere = (file) => async (block) => {
  const text = await readFile(join(root, file), "utf8");
  assert.ok(text.includes(block.page), `${file} does not name ${block.page}`);
};

/** The same as a fixture, which tests/frameworks runs. */
const component = (file) => async (block) => {
  assert.equal(block.code, await readFile(join(root, "tests/frameworks", file), "utf8"), `${file} is another`);
};

/**
 * A module in a page, with a fleet of its own. It must throw nothing, and the console have nothing to say. Then `then` must
 * come to hold in the page; by default every socket that was made is open. What comments claim must be so.
 */
const inPage =
  (then = everySocketIsOpen, { before, act } = {}) =>
  async (block, { name, page, fleets }) => {
    const fleet = await fleets.make({ refresh: 100, servers: [{ count: 3 }] });
    try {
      const where = { origin: fleets.origin, list: fleet.list, servers: await addresses(fleet) };
      await before?.(where);
      const module = await bundle(name, block, where);
      await page.open(fleets.origin);
      await page.until(() => !!window.stage, "the stage");
      await page.run((module) => {
        // Fleets come and go by the same addresses: the list of one example is not for the next one.
        localStorage.clear();
        return import(module).then(() => {});
      }, module);
      await act?.({ page, fleet, where });
      await page.until(then, String(then));
      const claims = await page.run(() => window.stage.claims);
      for (const [is, said] of claims) assert.equal(is, said);
      assert.equal(claims.length, block.code.split("// →").length - 1, "claims");
      assert.deepEqual(await page.problems(), []);
    } finally {
      await leave(page);
      await fleet.remove();
    }
  };

/** The same with a real seed, to which the servers have reported: what is reported next is heard of at once. */
const watchingSeed = () => async (block, context) => {
  const seed = await startSeed({ arguments: ["--refresh", "50", "--warm-up", "0"] });
  const report = async (servers) => {
    const reports = servers.map((url, at) => ({ id: `${at}`, url, users: 1, ttl: 60 }));
    await fetch(seed.list, { method: "PUT", body: JSON.stringify({ servers: reports }) });
  };
  const allAreListed = () => stage.sockets[0].events.findLast(({ type }) => type === "list")?.servers === 3;
  const run = inPage(allAreListed, {
    async before(where) {
      where.list = seed.list;
      await report(where.servers.slice(0, 2));
    },
    async act({ page, where }) {
      await page.until(everySocketIsOpen, "the connection");
      while ((await seed.watchers()) === 0) await pause(20);
      await report(where.servers);
    },
  });
  try {
    await run(block, context);
  } finally {
    await seed.stop();
  }
};

/** Ends what runs in the page before its servers are gone, and what the console has to say of that. */
async function leave(page) {
  await page.open("about:blank");
  await page.problems();
}

const addresses = async (fleet) => (await (await fetch(fleet.list)).json()).servers.map(({ url }) => url);

const everySocketIsOpen = () => stage.sockets.length > 0 && stage.sockets.every(({ readyState }) => readyState === 1);
const isClaimed = () => stage.claims.length > 0;
const helloIsShown = () => stage.shows.includes("hello");

/** A whole page, with a fleet: the rest is for what is done with it. */
const asPage =
  (check) =>
  async (block, { page, fleets }) => {
    const fleet = await fleets.make({ servers: [{ count: 2 }] });
    try {
      const where = { origin: fleets.origin, list: fleet.list, servers: await addresses(fleet) };
      await write("page.html", localised(block.code, where));
      await check(page, where, `${fleets.origin}/page.html`);
    } finally {
      await leave(page);
      await fleet.remove();
    }
  };

/** Its policy must leave an application alone that connects to the list, and nothing more. */
const underPolicy = asPage(async (page, where, url) => {
  const code = `
      import { BalancedWebSocket } from "evenkeel";
      window.violations = [];
      addEventListener("securitypolicyviolation", ({ blockedURI }) => window.violations.push(blockedURI));
      new BalancedWebSocket("https://api.example.com/servers");
      addEventListener("load", () => {
        try {
          window.evaluates = (0, eval)("'allowed'");
        } catch {
          window.evaluates = "forbidden";
        }
      });`;
  assert.equal(await bundle("app", { code, language: "js" }, where), "/app.js");
  await page.open(url);
  await page.until(() => !!window.stage, "the application");
  await page.until(everySocketIsOpen, "the connection");
  // A driver's own script may, whatever the policy says: the application has tried.
  const evaluates = await page.run(() => window.evaluates);
  assert.equal(evaluates, "forbidden");
  assert.deepEqual(await page.run(() => window.violations), ["trusted-types-sink"]);
});

/** It must hear what it has sent. */
const saysHello = asPage(async (page, _, url) => {
  await page.open(url);
  await page.until(() => document.body.textContent.includes("hello"), "the echo");
});

const operator = elsewhere("tests/documentation/operator.test.mjs");
const clients = elsewhere("tests/clients/support/bundle.mjs");

export const plan = {
  "README.md": {
    Evenkeel: [
      commands,
      inPage(() => {
        const [{ events }] = stage.sockets;
        const decision = events.find(({ type }) => type === "decision");
        return (
          decision?.reason === "preferred" && events.some(({ type, data }) => type === "message" && data === "hello")
        );
      }),
    ],
    "See it": [commands],
    "The list": [list],
    "Your servers behind it": [operator, operator],
    "With other libraries and frameworks": [
      inPage(() => stage.sockets[0].readyState === 1 && stage.sockets[0].url.endsWith("/graphql")),
    ],
  },
  "docs/choosing.md": {
    "How it chooses": [commands],
    "The rule": [inPage(isClaimed)],
    "Priority groups": [inPage(isClaimed)],
    "Your own order: `rank`": [inPage()],
    "Meeting: `affinity`": [
      inPage(() => {
        const [alice, bob] = stage.sockets;
        return alice.readyState === 1 && bob.readyState === 1 && alice.server.id === bob.server.id;
      }),
    ],
  },
  "docs/reconnecting.md": {
    "When it is over": [
      inPage(() => stage.shows.includes("over: 4001"), {
        async act({ page, fleet }) {
          await page.until(everySocketIsOpen, "the connection");
          await fleet.close(await page.run(() => stage.sockets[0].server.id), 4001);
        },
      }),
    ],
    "What waits": [
      inPage(() => {
        const [{ events }] = stage.sockets;
        const heard = events.filter(({ type }) => type === "message").map(({ data }) => data);
        return (
          stage.shows.join() === "1 messages: overflow" &&
          heard.join() === Array.from({ length: 100 }, (_, at) => `message ${at + 1}`).join()
        );
      }),
    ],
    "Whether it is still connected": [inPage()],
  },
  "docs/moving.md": {
    "Without the application noticing": [
      inPage(() => /^s\d → s\d: requested$/.test(stage.shows[0]) && stage.sockets[0].state === "open"),
    ],
  },
  "docs/serving-a-list.md": {
    "Serving a list": [list, list],
    "A seed of your own": [
      elsewhere("tests/documentation/seed.test.mjs"),
      elsewhere("tests/documentation/seed.test.mjs"),
    ],
    "Sending changes at once": [
      watchingSeed(),
      async ({ code }) => {
        const [head, ...events] = code.split("\n\n");
        assert.match(head, /^Content-Type: text\/event-stream$/m);
        const heard = [];
        const fetch = async () => new Response(events.join("\n\n"));
        const hear = (answer) => heard.push(answer?.document);
        await assert.rejects(ask("https://api.example.com/watch", { fetch }, undefined, hear), {
          code: "stream-ended",
        });
        const [sign, read, ...more] = heard;
        assert.deepEqual([sign, more], [undefined, []]);
        await lists.check(JSON.stringify(read));
      },
    ],
    "Without a seed of your own": [
      inPage(() => stage.sockets.length === 2 && stage.sockets.every(({ readyState }) => readyState === 1), {
        before: ({ servers }) =>
          write("backends.json", JSON.stringify({ backends: servers.map((address) => ({ address, load: 7 })) })),
      }),
      inPage(everySocketIsOpen, { before: ({ servers }) => write("backends.txt", `${servers.join("\n")}\n`) }),
    ],
    "In band": [
      inPage(
        () =>
          stage.sockets[0].events.some(
            ({ type, seed, version }) => type === "list" && seed === null && version === "pushed",
          ),
        {
          async act({ page, where }) {
            await page.until(everySocketIsOpen, "the connection");
            const list = { version: "pushed", servers: where.servers.map((url) => ({ url })) };
            // The servers echo.
            await page.run((list) => stage.sockets[0].send(JSON.stringify({ type: "servers", list })), list);
          },
        },
      ),
    ],
  },
  "docs/libraries.md": {
    "graphql-ws": [clients],
    "MQTT.js": [clients],
    "MQTT.js in Node": [clients],
    "y-websocket": [clients],
    RxJS: [clients],
    tRPC: [clients],
    STOMP: [clients],
    NATS: [clients],
    Hocuspocus: [clients],
    Phoenix: [clients],
    Centrifuge: [clients],
  },
  "docs/frameworks.md": {
    React: [component("react/Chat.jsx")],
    Svelte: [component("svelte/Chat.svelte")],
    Vue: [component("vue/Chat.vue")],
    Solid: [component("solid/Chat.jsx")],
  },
  "docs/security.md": {
    "Content-Security-Policy": [underPolicy],
    "What a list can do, and what it cannot": [inPage()],
    Tokens: [inPage(() => stage.sockets[0].readyState === 1 && stage.sockets[0].url.endsWith("/?token=secret"))],
  },
  "docs/seed.md": {
    "Three servers and a seed": [operator, operator, operator, operator, operator],
    "Two seeds and Redis": [operator, operator],
    Reporting: [operator, operator],
    "A file": [operator],
    "In front of it": [elsewhere("tests/documentation/proxy.test.mjs")],
  },
  "docs/scale.md": {
    "Regions and groups": [inPage()],
  },
  "docs/networks.md": {
    "Proxies on your side": [elsewhere("tests/documentation/proxy.test.mjs")],
  },
  "docs/sizes-and-speed.md": {
    Bundlers: [inPage()],
    "Without any tool": [saysHello],
    Node: [inNode("open\n")],
  },
  "docs/differences.md": {
    "On purpose": [inPage(() => stage.shows.join() === "it is coming back" && stage.sockets[0].readyState === 1)],
  },
  "docs/migrating.md": {
    "Before and after": [
      inPage(helloIsShown),
      inPage(helloIsShown),
      inPage(helloIsShown),
      inPage(helloIsShown),
      inPage(helloIsShown),
    ],
  },
  "docs/troubleshooting.md": {
    Troubleshooting: [inPage()],
  },
};
