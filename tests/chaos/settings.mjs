// What the command line says of a run: `npm test -- --only chaos --seed N --minutes N --browser NAME`.

import { randomInt } from "node:crypto";
import { BROWSERS } from "../support/browser.mjs";

const { CHAOS_SEED, CHAOS_MINUTES, CHAOS_BROWSER, SAFARIDRIVER } = process.env;

export const seed = CHAOS_SEED ?? String(randomInt(1_000_000));

/** For each browser. */
const minutes = Number(CHAOS_MINUTES ?? 10);

/** So much of the time, in ms. */
export const share = (part) => part * minutes * 60_000;

/** WebKit's where it is installed. */
export const browsers = CHAOS_BROWSER ? [CHAOS_BROWSER] : [...BROWSERS, ...(SAFARIDRIVER ? ["webkit"] : [])];
