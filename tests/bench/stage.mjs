// A browser, the page, fleets and the subjects: what every benchmark is given.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { launch } from "../support/browser.mjs";
import { startFleets } from "../support/fleet.mjs";
import { root } from "../support/package.mjs";

/** What all is divided by, what we make, and its peers. */
export const SUBJECTS = ["bare", "evenkeel", "reconnecting-websocket", "partysocket"];

/** Lists are made often and deaths are noticed soon, so that what is measured is the client. */
const LIST = { refresh: 100, detection: 300 };

/** One address for each subject's servers: Firefox makes connections to one address wait for each other. */
const HOSTS = SUBJECTS.map((_, index) => `127.0.0.${index + 11}`);

const file = (path) => fileURLToPath(new URL(path, import.meta.url));

export class Stage {
  #folder;
  #site;
  #services = [];

  static async open(browser, rounds = Number.POSITIVE_INFINITY) {
    const stage = new Stage();
    stage.browser = browser;
    stage.most = rounds;
    try {
      await stage.#start();
    } catch (error) {
      await stage.close();
      throw error;
    }
    return stage;
  }

  async #start() {
    this.#folder = await mkdtemp(join(tmpdir(), "evenkeel-bench-"));
    await build({
      entryPoints: [...SUBJECTS.map((name) => file(`site/subjects/${name}.js`)), file("site/plot.js")],
      alias: { evenkeel: join(root, "dist/index.js") },
      absWorkingDir: root,
      bundle: true,
      minify: true,
      format: "esm",
      logLevel: "warning",
      entryNames: "[name]",
      outdir: this.#folder,
    });
    this.#site = await startFleets({ "/built": this.#folder, "/site": file("site") });
    this.#services = await Promise.all(HOSTS.map((host) => startFleets({}, host)));
    // Firefox would round times to milliseconds.
    const preferences = { "privacy.reduceTimerPrecision": false };
    this.page = await launch(this.browser, { preferences, unobserved: true });
    await this.fresh();
  }

  async close() {
    await this.page?.quit();
    for (const service of this.#services) await service.stop();
    await this.#site?.stop();
    if (this.#folder) await rm(this.#folder, { recursive: true });
  }

  /** A new document, in which nothing has been loaded yet. */
  async fresh() {
    await this.page.open(`${this.#site.origin}/site/index.html`);
  }

  /** A fleet of its own for a subject. */
  fleet(subject, spec) {
    return this.#services[SUBJECTS.indexOf(subject)].make({ ...LIST, ...spec });
  }

  /** A fleet for each subject, by its name. */
  async fleets(spec) {
    const fleets = SUBJECTS.map(async (subject) => [subject, await this.fleet(subject, spec)]);
    return Object.fromEntries(await Promise.all(fleets));
  }

  /**
   * Calls `measure(subject, round)` for all subjects, one after the other, as often as that: each is the first one, and
   * follows each other, as often as the others. Gives the results by subject.
   */
  async interleaved(rounds, measure, subjects = SUBJECTS) {
    const results = Object.fromEntries(subjects.map((subject) => [subject, []]));
    for (let round = 0; round < Math.min(rounds, this.most); round += 1) {
      for (const subject of orderOf(subjects, round)) results[subject].push(await measure(subject, round));
    }
    return results;
  }
}

/** Turned by one in each round, and back to front in every other turn of all. */
export function orderOf(subjects, round) {
  const { length } = subjects;
  const turned = subjects.map((_, index) => subjects[(index + round) % length]);
  return Math.floor(round / length) % 2 ? turned.reverse() : turned;
}
