// `npm run bench`: ratios of times measured in one run, side by side, in a real browser.

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { launch } from "../support/browser.mjs";
import { startFleets } from "../support/fleet.mjs";
import { root } from "../support/package.mjs";
import { list } from "./list.mjs";

const BENCHMARKS = { list };

const {
  values: { json, only = Object.keys(BENCHMARKS), browser },
} = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    only: { type: "string", multiple: true },
    browser: { type: "string", default: "chromium" },
  },
});
const unknown = only.find((name) => !Object.hasOwn(BENCHMARKS, name));
if (unknown) throw new Error(`no benchmark ${unknown}: there are ${Object.keys(BENCHMARKS).join(", ")}`);

const fleets = await startFleets({
  "/dist": join(root, "dist"),
  "/site": fileURLToPath(new URL("site", import.meta.url)),
});
const page = await launch(browser);
try {
  await page.open(`${fleets.origin}/site/index.html`);
  const rows = [];
  for (const name of only) rows.push(...(await BENCHMARKS[name](page)));
  const short = (number) => number.toPrecision(3);
  if (json) console.log(JSON.stringify(rows, undefined, 2));
  else
    for (const { figure, subject, ratio, interval } of rows) {
      console.log(`${figure}: ${subject} ${short(ratio)} (${interval.map(short).join(" to ")})`);
    }
} finally {
  await page.quit();
  await fleets.stop();
}
