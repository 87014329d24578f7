// `npm run bench:seed`: the seed beside nginx, and without its Redis.

import { parseArgs } from "node:util";
import { rowsOf } from "../ratio.mjs";
import { tableOf } from "../table.mjs";
import * as lost from "./outage.mjs";
import { throughput } from "./throughput.mjs";

const MEASUREMENTS = ["throughput", "outage"];

const { values } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    only: { type: "string", multiple: true, default: MEASUREMENTS },
    rounds: { type: "string", default: "9" },
    to: { type: "string", default: "every" },
  },
});
const unknown = values.only.find((name) => !MEASUREMENTS.includes(name));
if (unknown) throw new Error(`no measurement ${unknown}: there are ${MEASUREMENTS.join(", ")}`);
if (!["every", "one"].includes(values.to)) throw new Error("--to says to which seeds servers report: every, or one");

const told = {};
if (values.only.includes("throughput")) {
  const figures = await throughput(Number(values.rounds));
  told.throughput = figures.flatMap(rowsOf);
  if (!values.json) console.log(`${tableOf(figures)}\n`);
}
if (values.only.includes("outage")) {
  const seconds = await lost.outage(values.to);
  told.outage = seconds.map(({ waits, ages, available, wrong, ...counts }) => ({
    ...counts,
    slowest: Math.max(...waits),
    oldest: Math.max(...ages),
    available: [Math.min(...available), Math.max(...available)],
    wrong: Math.max(...wrong),
  }));
  if (!values.json) console.log(lost.tableOf(seconds));
  if (told.outage.some(({ wrong, failures }) => wrong || failures)) process.exitCode = 1;
}
if (values.json) console.log(JSON.stringify(told, undefined, 2));
