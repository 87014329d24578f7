// Each case with the browser's own WebSocket and with ours, one beside the other: whatever differs must be expected by name,
// and whatever is expected must differ. What was seen is left in target/conformance/table.md.

import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { BROWSERS, launch } from "../support/browser.mjs";
import { startFleets } from "../support/fleet.mjs";
import { root } from "../support/package.mjs";
import { compare, strayNames } from "./compare.mjs";
import { expected } from "./expected.mjs";
import { write } from "./report.mjs";
import { startServer } from "./server.mjs";
import { cases } from "./site/cases.js";

let fleets;
let server;
before(async () => {
  const site = fileURLToPath(new URL("site", import.meta.url));
  fleets = await startFleets({ "/": site, "/evenkeel": join(root, "dist") });
  server = await startServer();
});
after(async () => {
  await fleets?.stop();
  await server?.stop();
});

test("every difference that is expected belongs to a case", () => {
  assert.deepEqual(strayNames(expected, cases), []);
});

for (const browser of BROWSERS) {
  describe(browser, () => {
    const seen = [];
    let page;
    before(async () => {
      page = await launch(browser);
      const { host, nobody } = server;
      await page.open(`${fleets.origin}/index.html?${new URLSearchParams({ host, nobody })}`);
      await page.until(() => window.ready, "the page's module");
    });
    after(async () => {
      await page?.quit();
      await write(browser, seen);
    });

    for (const [group, titles] of Object.entries(cases)) {
      describe(group, () => {
        for (const title of Object.keys(titles)) {
          test(title, async () => {
            const observed = await page.run((group, title) => play(group, title), group, title);
            const { rows, faults } = compare(expected, browser, `${group}: ${title}`, observed);
            seen.push(...rows);
            assert.equal(faults.length, 0, faults.join("\n"));
          });
        }
      });
    }
  });
}
