// `npm run bench`: Evenkeel, its peers and the bare socket side by side, in one run, in a real browser.

import { writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { list } from "./list.mjs";
import { memory } from "./memory.mjs";
import { messages } from "./messages.mjs";
import { opening } from "./opening.mjs";
import { plot } from "./plot.mjs";
import { rowsOf } from "./ratio.mjs";
import { recovery } from "./recovery.mjs";
import { Stage } from "./stage.mjs";
import { tableOf } from "./table.mjs";

const BENCHMARKS = { messages, opening, recovery, memory, list };

const { values } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    only: { type: "string", multiple: true, default: Object.keys(BENCHMARKS) },
    browser: { type: "string", default: "chromium" },
    rounds: { type: "string" },
    plot: { type: "string" },
  },
});
const unknown = values.only.find((name) => !Object.hasOwn(BENCHMARKS, name));
if (unknown) throw new Error(`no benchmark ${unknown}: there are ${Object.keys(BENCHMARKS).join(", ")}`);

const stage = await Stage.open(values.browser, values.rounds && Number(values.rounds));
try {
  const panels = [];
  for (const name of values.only) {
    const figures = await BENCHMARKS[name](stage);
    if (!figures.length) console.error(`${name}: ${values.browser} does not tell`);
    else if (!values.json) console.log(`${tableOf(figures)}\n`);
    panels.push({ title: name, rows: figures.flatMap(rowsOf) });
  }
  const all = panels.flatMap(({ rows }) => rows);
  if (values.json) console.log(JSON.stringify(all, undefined, 2));
  if (values.plot) await writeFile(values.plot, await plot(stage, panels));
} finally {
  await stage.close();
}
