// What browsers and their users do to pages.

import { whilePaused } from "../../support/processes.mjs";

/** How much slower a throttled page is at most. */
const SLOWEST = 20;

/** What can be done to pages in every browser. */
const everywhere = {
  /** The machine sleeps: no page runs. */
  sleep: {
    lasts: [500, 20_000],
    strike: ({ tabs }, _, rest) => whilePaused(tabs.processId, rest),
  },
  /** The page computes, and does nothing else. */
  compute: {
    lasts: [0, 500],
    draw: (random) => ({ time: random.between(100, 4_000), tab: random.fraction() }),
    strike: ({ tabs }, { tab, time }) => tabs.at(tab, (page) => page.run((time) => window.compute(time), time)),
  },
  /** Another page lies in front of it. */
  hidden: {
    lasts: [500, 20_000],
    draw: (random) => ({ tab: random.fraction() }),
    strike: ({ tabs }, { tab }, rest) => tabs.at(tab, (page) => page.whileHidden(rest)),
  },
};

const byEngine = {
  chromium: {
    ...everywhere,
    /** The page is slow. */
    throttled: {
      lasts: [2_000, 20_000],
      draw: (random) => ({ rate: random.between(2, SLOWEST), tab: random.fraction() }),
      strike: ({ tabs }, { tab, rate }, rest) =>
        tabs.at(tab, async (page) => {
          const throttle = (rate) => page.driver.sendDevToolsCommand("Emulation.setCPUThrottlingRate", { rate });
          await throttle(rate);
          await rest();
          await throttle(1);
        }),
    },
    /** The user goes to another page, and comes back to this one, which the browser has kept. */
    "back/forward cache": {
      lasts: [500, 15_000],
      draw: (random) => ({ tab: random.fraction() }),
      strike: ({ tabs, elsewhere }, { tab }, rest) =>
        tabs.at(tab, async (page) => {
          const before = await page.run(() => window.restored.length);
          await page.open(elsewhere);
          await rest();
          await page.back();
          await page.until(() => window.ready, "the page is back");
          const after = await page.run(() => window.restored.length);
          if (after !== before + 1) throw new Error("the browser did not keep the page, nor its record");
        }),
    },
  },
  // They keep no page that has a socket, and slow none down on command.
  firefox: everywhere,
  webkit: everywhere,
};

export const pagesOf = (engine) => byEngine[engine];
