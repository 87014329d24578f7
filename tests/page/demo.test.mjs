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
      await page.open(fleets.origin);
      await shows("state", "open");
      await page.problems();
    });

    const find = (name) => page.driver.findElement(By.css(`[data-testid="${name}"]`));
    const text = async (name) => (await find(name)).getText();
    const number = async (name) => Number(await text(name));
    const click = async (name) => (await find(name)).click();

    /** Waits until the condition holds, which may find nothing there at first. */
    async function until(condition, what) {
      const deadline = Date.now() + PATIENCE;
      while (!(await condition().catch(() => false))) {
        if (Date.now() > deadline) assert.fail(`not within ${PATIENCE} ms: ${what}`);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }

    const shows = (name, expected) =>
      until(async () => (await text(name)).toLowerCase() === expected, `${name} shows ${expected}`);

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
        await page.screenshot(join(root, "artifacts", `demo-${browser}-${name}.png`));
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
      await until(async () => (await number("count-confirmed")) > 3, "echoes");
      await click("kill-mine");
      await until(async () => (await text("server-id")) !== first, "another server");
      await shows("state", "open");
      const confirmed = await number("count-confirmed");
      await until(async () => (await number("count-confirmed")) > confirmed + 3, "echoes from the other server");
      await click("auto");
      await until(async () => (await number("count-outstanding")) + (await number("count-queued")) === 0, "every echo");
      assert.equal(await number("count-disordered"), 0);
      assert.equal(await number("count-sent"), (await number("count-confirmed")) + (await number("count-lost")));
      assert.match(await text("timeline"), new RegExp(first));
      await page.screenshot(join(root, "artifacts", `demo-${browser}-after-a-kill.png`));
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

    test("a crowd of 150 connects and is counted truly, without a word in the console", async () => {
      await click("crowd-start");
      await shows("crowd-open", "150");
      const { servers } = await fleet.state();
      const connections = servers.reduce((total, server) => total + server.connections, 0);
      assert.equal(connections, 151, "the crowd and the page's own");
      await page.screenshot(join(root, "artifacts", `demo-${browser}-crowd.png`));
      await click("crowd-stop");
      await shows("crowd-open", "0");
      assert.deepEqual(await page.problems(), []);
    });
  });
}
