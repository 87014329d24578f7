// What React's hooks do at moments that a real server would have to be lucky to hit: over a socket moved by hand.

import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import { BROWSERS, launch } from "../support/browser.mjs";
import { startFleets } from "../support/fleet.mjs";
import { install } from "../support/package.mjs";
import { buildPage, built, give } from "./build.mjs";

const FIXTURES = ["react-18", "react-19"];
const MODES = ["production", "development"];

let installed;
let fleets;
before(async () => {
  installed = await install();
  for (const fixture of FIXTURES) {
    await give(fixture, installed);
    for (const mode of MODES) await buildPage(fixture, mode);
  }
  fleets = await startFleets(Object.fromEntries(FIXTURES.map((name) => [`/${name}`, built(name)])));
});
after(async () => {
  await fleets?.stop();
  await installed?.remove();
});

for (const browser of BROWSERS) {
  describe(browser, () => {
    let page;
    before(async () => {
      page = await launch(browser);
    });
    after(() => page?.quit());

    for (const fixture of FIXTURES) {
      describe(fixture, () => {
        /** Opens the page and puts into it a socket that is moved by hand, and which greets as soon as it can. */
        const open = async (mode) => {
          await page.open(`${fleets.origin}/${fixture}/${mode}/index.html`);
          await page.until(() => window.fixture, "the page's module");
          await page.run(() => {
            window.log = [];
            window.made = [];
            const message = (data) => new MessageEvent("message", { data });
            class Socket extends EventTarget {
              state = "connecting";
              readyState = 0;
              server = null;
              servers = [];
              url = "";
              protocol = "";
              /** Listeners to messages. */
              listening = 0;
              constructor() {
                super();
                window.made.push(this);
                queueMicrotask(() => this.deliver("a greeting"));
              }
              addEventListener(type, listener) {
                if (type === "message") this.listening++;
                super.addEventListener(type, listener);
              }
              removeEventListener(type, listener) {
                if (type === "message") this.listening--;
                super.removeEventListener(type, listener);
              }
              deliver(data) {
                this.dispatchEvent(message(data));
              }
              become(state) {
                this.state = state;
                this.dispatchEvent(new Event("statechange"));
              }
              close() {
                this.become("closed");
              }
            }
            window.make = () => new Socket();
            window.show = (label, how = "probe") => window.fixture[how]({ label, make: window.make, log: window.log });
            /** What has been written down once React has nothing left to do. */
            window.settled = async () => {
              await new Promise((resolve) => setTimeout(resolve, 100));
              return window.log.splice(0);
            };
          });
        };
        beforeEach(() => open("production"));

        test("no event is missed, however early it comes", async () => {
          const log = await page.run(() => {
            window.show("a");
            return window.settled();
          });
          assert.deepEqual(log, ["a rendered idle", "a rendered connecting", "a heard a greeting"]);
        });

        test("the handler is that of the last rendering, and nothing is subscribed anew", async () => {
          const { log, sockets, listening } = await page.run(async () => {
            window.show("a");
            await window.settled();
            const [socket] = window.made;
            window.show("b");
            await window.settled();
            socket.deliver("news");
            return { log: await window.settled(), sockets: window.made.length, listening: socket.listening };
          });
          assert.deepEqual({ log, sockets, listening }, { log: ["b heard news"], sockets: 1, listening: 1 });
        });

        test("a component is rendered for what it has selected, and for nothing else", async () => {
          const logs = await page.run(async () => {
            window.show("a");
            await window.settled();
            const [socket] = window.made;
            for (const kind of ["list", "decision", "retry"]) socket.dispatchEvent(new Event(kind));
            const idle = await window.settled();
            socket.become("open");
            return { idle, open: await window.settled() };
          });
          assert.deepEqual(logs, { idle: [], open: ["a rendered open"] });
        });

        test("after the end of the component nobody listens", async () => {
          const { log, state, listening } = await page.run(async () => {
            window.show("a");
            await window.settled();
            const [socket] = window.made;
            window.fixture.unmount();
            socket.deliver("too late");
            return { log: await window.settled(), state: socket.state, listening: socket.listening };
          });
          assert.deepEqual({ log, state, listening }, { log: [], state: "closed", listening: 0 });
        });

        test("of the two that StrictMode has made the first is closed, and nobody listens to it", async () => {
          await open("development");
          const made = await page.run(async () => {
            window.show("a", "strictProbe");
            await window.settled();
            return window.made.map(({ state, listening }) => ({ state, listening }));
          });
          assert.deepEqual(made, [
            { state: "closed", listening: 0 },
            { state: "connecting", listening: 1 },
          ]);
          assert.deepEqual(await page.problems(), []);
        });
      });
    }
  });
}
