// A browser, the page with the application, and fleets: what a contest is held in.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { launch } from "./browser.mjs";
import { Contest, teamOf } from "./contest.mjs";
import { QUICK, startFleets } from "./fleet.mjs";
import { root } from "./package.mjs";

/**
 * Where the page is served, and the fleets of the contestants: each has an address of its own, since Firefox makes
 * connections to one address wait for each other.
 */
const HOSTS = Array.from({ length: 6 }, (_, index) => `127.0.0.${index + 11}`);

export class Arena {
  #bundle;
  #site;
  #fleets;

  /** `settings` are those of the browser. */
  static async open(engine, settings = {}) {
    const arena = new Arena();
    arena.engine = engine;
    await arena.#start(settings).catch(async (error) => {
      await arena.close();
      throw error;
    });
    return arena;
  }

  async #start(settings) {
    const [host, ...others] = settings.namespace?.hosts ?? HOSTS;
    this.#bundle = await bundlePeers();
    this.#site = await startFleets(
      {
        "/": join(root, "tests/faults/site"),
        "/chaos": join(root, "tests/chaos/site"),
        "/evenkeel": join(root, "dist"),
        "/peers": this.#bundle,
      },
      host,
    );
    this.#fleets = await Promise.all(others.map((other) => startFleets({}, other)));
    this.page = await launch(this.engine, settings);
  }

  async close() {
    await this.page?.quit();
    for (const fleets of this.#fleets ?? []) await fleets.stop();
    await this.#site?.stop();
    if (this.#bundle) await rm(this.#bundle, { recursive: true });
  }

  /** The address of a page of the site. */
  address(page = "") {
    return `${this.#site.origin}/${page}`;
  }

  /** A contest, in a page opened anew. The contestants have `fleets` of these `servers` and such a `list`. */
  async contest(fault, contestants, { servers, list, ...rules }) {
    await this.page.open(this.address());
    await this.page.until(() => window.ready, "the page's module");
    // A fleet may have the address of one that was: a list that was kept would be of that one.
    await this.page.run(() => localStorage.clear());
    return new Contest(this, fault, contestants, await this.fleets(contestants, servers, list), rules);
  }

  /**
   * By team: each contestant, or team of them, has a fleet of these `servers`, whose list is told to behave as `list` says
   * before anyone asks.
   */
  async fleets(contestants, servers, list = {}) {
    const fleets = new Map();
    for (const contestant of contestants) {
      if (fleets.has(teamOf(contestant))) continue;
      const fleet = await this.#fleets[fleets.size].make({ ...QUICK, servers });
      await fleet.tellList(list);
      fleets.set(teamOf(contestant), fleet);
    }
    return fleets;
  }
}

/** The other libraries, as a bundler makes them for a page: in a folder of their own. */
async function bundlePeers() {
  const folder = await mkdtemp(join(tmpdir(), "evenkeel-peers-"));
  await build({
    stdin: {
      contents: `
        export { WebSocket as PartySocket } from "partysocket";
        export { default as ReconnectingWebSocket } from "reconnecting-websocket";`,
      resolveDir: root,
    },
    bundle: true,
    format: "esm",
    logLevel: "warning",
    outfile: join(folder, "peers.js"),
  });
  return folder;
}
