// The demo page as a person uses it, in real browsers. Pictures of it are left in artifacts/.

import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, beforeEach, describe, test } from "node:test";
import { By } from "selenium-webdriver";
import { BROWSERS, launch } from "../support/browser.mjs";
import { Fleet, startFleets } from "../support/fleet.mjs";
import { root } from "../support/package.mjs";

const WIDTHS = { desktop: [1280, 900], phone: [390, 844] };

/** How long the page may take for one thing, in ms. */
const PATIENCE = 30_000;

/** How long a client may take to leave a draining server, in ms: it hears of it, leaves within 30 s, and lingers for 5 s. */
const DRAIN = 60_000;

/** Within how many ms a frozen server is found out, and what a busy machine may add. */
const FREEZE = 3_000;
const SLACK = 1_000;

/** The least time between two readings of the list that nobody asked for, in ms. */
const POLLING = 2_400;

let fleets;
let fleet;
before(async () => {
  fleets = await startFleets({ "/": join(root, "www"), "/evenkeel": join(root, "dist") });
  fleet = new Fleet({ list: `${fleets.origin}/servers`, control: `${fleets.origin}/fleets/default` });
});
after(() => fleets?.stop());

for (const browser of BROWSERS) {
  describe(browser, () => {
    let page;
    before(async () => {
      page = await launch(browser);
    });
    after(() => page?.quit());
    beforeEach(async () => {
      await fleet.reset();
      await page.viewport(...WIDTHS.desktop);
      // The list of the test before is forgotten, and not written again by the page that is about to go. From the same
      // address, since Chromium would keep a page, with its connections open, that is left for another one.
      await page.open(fleets.origin);
      await page.run(() => {
        localStorage.clear();
        Storage.prototype.setItem = () => {};
      });
      await page.open(fleets.origin);
      await shows("state", "open");
      await page.problems();
    });

    const find = (name) => page.driver.findElement(By.css(`[data-testid="${name}"]`));
    const text = async (name) => (await find(name)).getText();
    const number = async (name) => Number(await text(name));
    const click = async (name) => (await find(name)).click();

    /** Waits until the condition holds, which may find nothing there at first. */
    async function until(condition, what, patience = PATIENCE) {
      const deadline = Date.now() + patience;
      while (!(await condition().catch(() => false))) {
        if (Date.now() > deadline) assert.fail(`not within ${patience} ms: ${what}`);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }

    const shows = (name, expected) =>
      until(async () => (await text(name)).toLowerCase() === expected, `${name} shows ${expected}`);

    /** Waits until that many more echoes have come. */
    async function hears(more) {
      const before = await number("count-confirmed");
      await until(async () => (await number("count-confirmed")) > before + more, "echoes");
    }

    /** Stops what keeps sending, and waits until no message is on its way. */
    async function stopSending() {
      await click("auto");
      await until(async () => (await number("count-outstanding")) + (await number("count-queued")) === 0, "every echo");
    }

    /** The lines of the timeline of this kind, newest first: `{ at, text }`. */
    const lines = (kind) =>
      page.run(
        (kind) =>
          [...document.querySelectorAll(`[data-testid="timeline-entry"][data-kind="${kind}"]`)].map((entry) => ({
            at: Date.parse(entry.querySelector("time").dateTime),
            text: entry.querySelector(".entry-text").textContent,
          })),
        kind,
      );

    const picture = async (name) => {
      // As on a phone, where it takes no room.
      await page.run(() => document.documentElement.style.setProperty("scrollbar-width", "none"));
      await page.screenshot(join(root, "artifacts", `demo-${browser}-${name}.png`));
    };

    for (const [name, size] of Object.entries(WIDTHS)) {
      test(`it shows the fleet and its own connection, without a word in the console (${name})`, async () => {
        await page.viewport(...size);
        await page.open(fleets.origin);
        await shows("state", "open");
        const { servers } = await fleet.state();
        const id = await text("server-id");
        assert.equal(servers.find((server) => server.id === id)?.priority, 0);
        for (const server of servers) assert.ok(await (await find(`bar-${server.id}`)).isDisplayed(), server.id);
        const [content, width] = await page.run(() => [document.documentElement.scrollWidth, innerWidth]);
        assert.ok(content <= width, `${content} px are wider than the page's ${width}`);
        await picture(name);
        assert.deepEqual(await page.problems(), []);
      });
    }

    test("a message comes back from the server", async () => {
      await (await find("send-input")).sendKeys("grüß dich");
      await click("send-button");
      await shows("count-confirmed", "1");
      assert.match(await text("echo-log"), /grüß dich/);
      assert.deepEqual(await page.problems(), []);
    });

    test("its server is killed while it sends: it goes on elsewhere, in order, with nothing left waiting", async () => {
      const first = await text("server-id");
      await click("auto");
      await hears(3);
      await click("kill-mine");
      await until(async () => (await text("server-id")) !== first, "another server");
      await shows("state", "open");
      await hears(3);
      await stopSending();
      assert.equal(await number("count-disordered"), 0);
      assert.equal(await number("count-sent"), (await number("count-confirmed")) + (await number("count-lost")));
      assert.match(await text("timeline"), new RegExp(first));
      await picture("after-a-kill");
    });

    test("its server drains while it sends: it moves, and nothing is lost or repeated", async () => {
      const first = await text("server-id");
      await click("auto");
      await hears(3);
      await click(`more-${first}`);
      await click(`drain-${first}`);
      await until(async () => (await text("server-id")) !== first, "another server", DRAIN);
      await hears(3);
      await stopSending();
      assert.equal(await number("count-confirmed"), await number("count-sent"));
      assert.equal(await number("count-lost"), 0);
      assert.equal(await number("count-repeated"), 0);
      const second = await text("server-id");
      assert.deepEqual(
        (await lines("migrate")).map(({ text }) => text),
        [`${first} → ${second}, without a gap: the list asks its clients to leave`],
      );
      assert.deepEqual(await lines("close"), []);
      await until(async () => (await fleet.server(first)).connections === 0, "nothing is left there", DRAIN);
      await picture("after-a-drain");
      assert.deepEqual(await page.problems(), []);
    });

    test("it is asked to move: it does, without a gap", async () => {
      const first = await text("server-id");
      await click("move");
      await until(async () => (await text("server-id")) !== first, "another server");
      await shows("state", "open");
      assert.match(await text("state-text"), new RegExp(`Moved here from ${first} without a gap`));
      assert.equal((await lines("migrate")).length, 1);
      assert.deepEqual(await lines("close"), []);
      assert.deepEqual(await page.problems(), []);
    });

    test("its server freezes: that is noticed within 3 s, and it goes on elsewhere", async () => {
      const first = await text("server-id");
      await click("auto");
      await hears(3);
      await click(`more-${first}`);
      await click(`freeze-${first}`);
      await until(async () => (await lines("close")).length > 0, "the loss");
      const [[frozen], [lost]] = [await lines("you"), await lines("close")];
      assert.ok(lost.at - frozen.at < FREEZE + SLACK, `noticed after ${lost.at - frozen.at} ms`);
      await until(async () => (await text("server-id")) !== first, "another server");
      await shows("state", "open");
      await hears(3);
      await picture("after-a-freeze");
    });

    test("the first group is killed: the page carries on in the second, and shows it", async () => {
      await click("kill-group-0");
      await until(async () => {
        const { servers } = await fleet.state();
        const id = await text("server-id");
        return servers.find((server) => server.id === id)?.priority === 1;
      }, "a server of the second group");
      await shows("state", "open");
    });

    test("a failing list leaves the connection alone, and the page says so", async () => {
      const id = await text("server-id");
      await click("list-mode-fail");
      await until(async () => (await fleet.state()).list.mode === "fail", "the list fails");
      await new Promise((resolve) => setTimeout(resolve, 2_000));
      assert.equal(await text("server-id"), id);
      assert.equal((await text("state")).toLowerCase(), "open");
    });

    test("asked to, it reads the list at once", async () => {
      const readings = () => page.run((list) => performance.getEntriesByName(list).length, fleet.list);
      const start = Date.now();
      for (let time = 0; time < 4; time += 1) {
        const before = await readings();
        await click("refresh");
        await until(async () => (await readings()) > before, "the list has been read");
      }
      // Of four readings, three have others before them that nobody had to ask for.
      assert.ok(Date.now() - start < 3 * POLLING, `four readings took ${Date.now() - start} ms`);
    });

    test("a second visit while the list hangs: it starts at once from the list of the first", async () => {
      await fleet.tellList({ mode: "hang" });
      await page.open(fleets.origin);
      await shows("state", "open");
      const [list] = await lines("list");
      assert.match(list.text, /from the last visit/);
      assert.deepEqual(await page.problems(), []);
    });

    test("a crowd of 150 is counted truly, and leaves a server that drains, without a word in the console", async () => {
      await click("crowd-start");
      await shows("crowd-open", "150");
      const { servers } = await fleet.state();
      const connections = servers.reduce((total, server) => total + server.connections, 0);
      assert.equal(connections, 151, "the crowd and the page's own");
      await picture("crowd");
      const own = await text("server-id");
      const { id, connections: before } = servers.find((server) => server.priority === 0 && server.id !== own);
      await fleet.tell(id, { draining: true });
      await until(async () => (await fleet.server(id)).connections < before - 5, "the crowd begins to leave", DRAIN);
      assert.equal(await number("crowd-open"), 150);
      await click("crowd-stop");
      await shows("crowd-open", "0");
      assert.deepEqual(await page.problems(), []);
    });
  });
}
