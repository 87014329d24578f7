// The examples of docs/frameworks.md in the frameworks they are for, against real servers.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { BROWSERS, launch } from "../support/browser.mjs";
import { QUICK, startFleets } from "../support/fleet.mjs";
import { install, root } from "../support/package.mjs";
import { buildPage, buildServer, built, give } from "./build.mjs";

/** The fixtures, each with its component. */
const FIXTURES = {
  "react-18": "react/Chat.jsx",
  "react-19": "react/Chat.jsx",
  svelte: "svelte/Chat.svelte",
  vue: "vue/Chat.vue",
  solid: "solid/Chat.jsx",
};
const HYDRATED = ["react-18", "react-19", "svelte", "vue"];
const STRICT = ["react-18", "react-19"];

const TWO = { ...QUICK, servers: [{ count: 2 }] };

/** How long a server is watched for connections that should not come, in ms. */
const WATCHED = 1_000;

/** How long a server may take to notice that a connection has gone, in ms. */
const PATIENCE = 10_000;

/** Nobody listens there: what would be asked would be told in the console. */
const NOWHERE = "http://127.0.0.1:9/servers";

let installed;
let fleets;
const renderers = {};
before(async () => {
  installed = await install();
  for (const fixture of Object.keys(FIXTURES)) {
    await give(fixture, installed);
    await buildPage(fixture, "production");
    if (STRICT.includes(fixture)) await buildPage(fixture, "development");
    renderers[fixture] = await buildServer(fixture);
  }
  fleets = await startFleets(Object.fromEntries(Object.keys(FIXTURES).map((name) => [`/${name}`, built(name)])));
});
after(async () => {
  await fleets?.stop();
  await installed?.remove();
});

test("the documentation's examples are those that are tested here", async () => {
  const page = await readFile(join(root, "docs/frameworks.md"), "utf8");
  for (const component of new Set(Object.values(FIXTURES))) {
    const source = await readFile(new URL(component, import.meta.url), "utf8");
    assert.ok(page.includes(`\n${source}\`\`\`\n`), `${component} is another in docs/frameworks.md`);
  }
});

for (const fixture of Object.keys(FIXTURES)) {
  test(`rendering on a server asks nobody and shows what there is: ${fixture}`, async (t) => {
    const asked = [];
    t.mock.method(globalThis, "fetch", async (url) => {
      asked.push(url);
      throw new TypeError("nobody is to be asked");
    });
    const { WebSocket } = globalThis;
    globalThis.WebSocket = class {
      constructor(url) {
        asked.push(url);
      }
    };
    t.after(() => {
      globalThis.WebSocket = WebSocket;
    });
    const html = await renderers[fixture]({ seed: NOWHERE });
    assert.match(html, /idle/);
    await pause(100);
    assert.deepEqual(asked, []);
  });
}

for (const browser of BROWSERS) {
  describe(browser, () => {
    let page;
    let made;
    before(async () => {
      page = await launch(browser);
    });
    after(() => page?.quit());
    beforeEach(() => {
      made = [];
    });
    afterEach(() => Promise.all(made.map((fleet) => fleet.remove())));

    const make = async () => {
      const fleet = await fleets.make(TWO);
      made.push(fleet);
      return fleet;
    };

    /** Opens a fixture's page, which is empty, and starts a record of what it shows. */
    const open = async (fixture, mode = "production") => {
      await page.open(`${fleets.origin}/${fixture}/${mode}/index.html`);
      await page.until(() => window.fixture, "the page's module");
      await page.run(() => {
        // Fleets come and go by the same addresses: the list of one test is not for the next one.
        localStorage.clear();
        const app = document.querySelector("#app");
        const text = () => app.textContent.trim().replace(/\s+/g, " ");
        window.shown = [];
        const note = () => {
          if (text() !== window.shown.at(-1)) window.shown.push(text());
        };
        new MutationObserver(note).observe(app, { subtree: true, childList: true, characterData: true });
      });
    };

    /** Waits until the page shows that, `message` after a server's id, and gives the id. Both are patterns. */
    const shows = async (state, message = "") => {
      const pattern = `^${state} (\\S+)${message}$`;
      try {
        await page.until((pattern) => new RegExp(pattern).test(window.shown.at(-1)), pattern, pattern);
      } catch (error) {
        throw new Error(`${error.message}; shown: ${JSON.stringify(await page.run(() => window.shown))}`);
      }
      return page.run((pattern) => new RegExp(pattern).exec(window.shown.at(-1))[1], pattern);
    };

    const call = (method, ...given) =>
      page.run((method, given) => void window.fixture[method](...given), method, given);
    const click = () => page.run(() => document.querySelector("button").click());

    /** Connections that a fleet has, and has ever accepted. */
    const count = async (fleet) => {
      const { servers } = await fleet.state();
      const sum = (key) => servers.reduce((total, server) => total + server[key], 0);
      return { connections: sum("connections"), accepted: sum("accepted") };
    };

    /** Waits until a fleet has no connection, and that none comes. */
    const deserted = async (fleet) => {
      const deadline = Date.now() + PATIENCE;
      while ((await count(fleet)).connections && Date.now() < deadline) await pause(50);
      const { accepted } = await count(fleet);
      await pause(WATCHED);
      assert.deepEqual(await count(fleet), { connections: 0, accepted });
    };

    for (const fixture of Object.keys(FIXTURES)) {
      test(`${fixture}: state, messages, the death of a server, the end`, async () => {
        const fleet = await make();
        await open(fixture);
        await call("mount", { seed: fleet.list });
        const first = await shows("open");
        assert.equal((await fleet.server(first)).connections, 1);
        await click();
        await shows("open", " hello");

        await fleet.tell(first, { alive: false });
        const second = await shows(`open(?! ${first} )`, " hello");
        assert.notEqual(second, first);
        assert.equal((await fleet.server(second)).connections, 1);
        const states = (await page.run(() => window.shown)).map((text) => text.split(" ")[0]);
        const changes = states.filter((state, at) => state !== states[at - 1]);
        assert.ok(changes.indexOf("reconnecting") > changes.indexOf("open"), changes.join());
        assert.equal(changes.at(-1), "open");

        await call("unmount");
        await deserted(fleet);
        assert.equal(await page.run(() => document.querySelector("#app").textContent), "");
      });

      test(`${fixture}: another seed is another connection, and the first one is closed`, async () => {
        const [one, other] = [await make(), await make()];
        await open(fixture);
        await call("mount", { seed: one.list });
        await shows("open");
        await click();
        await shows("open", " hello");
        await call("update", { seed: other.list });
        await deserted(one);
        await shows("open", "( hello)?");
        assert.deepEqual(await count(other), { connections: 1, accepted: 1 });
        await call("unmount");
        await deserted(other);
        assert.deepEqual(await page.problems(), []);
      });
    }

    for (const fixture of HYDRATED) {
      test(`${fixture}: a page that was rendered on a server comes to life`, async () => {
        const fleet = await make();
        const props = { seed: fleet.list };
        const mode = STRICT.includes(fixture) ? "development" : "production";
        await open(fixture, mode);
        await call("hydrate", await renderers[fixture](props), props);
        await shows("open");
        await click();
        await shows("open", " hello");
        assert.equal((await count(fleet)).connections, 1);
        assert.deepEqual(await page.problems(), []);
        await call("unmount");
        await deserted(fleet);
      });
    }

    for (const fixture of STRICT) {
      test(`${fixture}: effects that run twice (StrictMode) open one connection`, async () => {
        const fleet = await make();
        await open(fixture, "development");
        await call("mount", { seed: fleet.list });
        await shows("open");
        await pause(WATCHED);
        assert.deepEqual(await count(fleet), { connections: 1, accepted: 1 });
        await call("unmount");
        await deserted(fleet);
        assert.deepEqual(await page.problems(), []);
      });
    }
  });
}
