// The packed package, built by each tool with its defaults: it connects, its server is killed, it comes back on another.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { BROWSERS, launch } from "../support/browser.mjs";
import { QUICK, startFleets } from "../support/fleet.mjs";
import { POLICIES } from "./html.mjs";
import { recorded } from "./matrix.mjs";
import { prepare, versionOf } from "./project.mjs";
import esbuild from "./tools/esbuild.mjs";
import importMap from "./tools/import-map.mjs";
import next from "./tools/next.mjs";
import parcel from "./tools/parcel.mjs";
import rolldown from "./tools/rolldown.mjs";
import rollup from "./tools/rollup.mjs";
import vite from "./tools/vite.mjs";
import webpack from "./tools/webpack.mjs";

const TOOLS = [vite, webpack, esbuild, rollup, rolldown, parcel, next, importMap].flat();

let fleets;
const browsers = new Map();
before(async () => {
  await prepare();
  fleets = await startFleets();
  for (const engine of BROWSERS) browsers.set(engine, await launch(engine));
});
after(async () => {
  for (const browser of browsers.values()) await browser.quit();
  await fleets?.stop();
});

/** Opens a page at an address, with a fleet of its own, and follows it through the loss of its server. */
async function comesBack(browser, address, policy) {
  const fleet = await fleets.make({ ...QUICK, servers: [{ count: 3 }] });
  try {
    const url = new URL(address);
    url.searchParams.set("list", fleet.list);
    await browser.open(url.href);
    await browser.until(() => window.told?.length > 0, "an echo");
    const { server, echo } = await browser.run(() => window.told[0]);
    assert.equal(echo, "hello");
    assert.equal((await fleet.server(server)).connections, 1);
    assert.deepEqual(await browser.problems(), []);
    assert.deepEqual(await browser.run(() => window.findForbidden()), POLICIES[policy].forbidden);

    await fleet.tell(server, { alive: false });
    await browser.until((lost) => window.told.at(-1).server !== lost, "an echo of another server", server);
    const other = (await browser.run(() => window.told.at(-1))).server;
    assert.equal((await fleet.server(other)).connections, 1);
  } finally {
    // What was forbidden or killed is in the console.
    await browser.open("about:blank");
    await browser.problems();
    await fleet.remove();
  }
}

for (const tool of TOOLS) {
  const major = tool.package === "vite-before" ? ", the major before" : "";
  describe(`${tool.name}${major}`, () => {
    if (tool.end) after(tool.end);
    for (const page of tool.pages) {
      const { entry, where, policy } = page;
      test(`${entry} in a ${where}`, async (context) => {
        const version = tool.package ? await versionOf(tool.package) : "–";
        const { address, stop } = await tool.make(page);
        try {
          await page.check?.(address);
          for (const [engine, browser] of browsers) {
            const row = { tool: tool.name, version, entry, where, policy, engine };
            await context.test(engine, () => recorded(row, () => comesBack(browser, address, policy)));
          }
        } finally {
          await stop();
        }
      });
    }
  });
}
