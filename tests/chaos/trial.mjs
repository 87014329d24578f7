// All contestants under one schedule of faults, and what became of their messages.

import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { root } from "../support/package.mjs";
import { FaultyProxy } from "../support/proxy.mjs";
import { Table } from "../support/table.mjs";
import { account, sum } from "./account.mjs";
import { FLEET } from "./faults/servers.mjs";
import { play } from "./play.mjs";
import { draw } from "./schedule.mjs";
import { Tabs } from "./tabs.mjs";

/** When all is well again: how long Evenkeel has to work again, and the others, in ms. */
const PATIENCE = 120_000;
const OTHERS = 20_000;

/** After the last message: how long its echo may take, in ms. */
const SETTLING = 5_000;

const table = new Table(
  "chaos",
  {
    trial: "trial",
    engine: "engine",
    library: "library",
    sent: "sent",
    confirmed: "confirmed",
    dropped: "dropped, told",
    doubted: "in doubt, told",
    underWay: "under way",
    unaccounted: "unaccounted for",
    repeated: "repeated",
    disordered: "out of order",
    connections: "connections",
    away: "away, s",
    longest: "longest, s",
    back: "back in the end",
  },
  ["trial", "engine", "library"],
);

export class Trial {
  #arena;
  #rules;
  #teams = [];
  #tabs;
  #log = [];
  #begun;

  /**
   * `rules`: `name`, `seed`, `lanes` and `length` of the schedule; `contestants`, each with the application in so many `tabs`,
   * which sends every `pace` ms; `namespace`, if the browser is in one.
   */
  constructor(arena, rules) {
    this.#arena = arena;
    this.#rules = rules;
  }

  /** Gives what Evenkeel may never do and has done, in words: nothing, if all is well. */
  async run() {
    try {
      return await this.#run();
    } finally {
      await this.#close();
    }
  }

  async #run() {
    const { name, seed, lanes, length, namespace } = this.#rules;
    await this.#begin();
    const world = {
      teams: this.#teams,
      tabs: this.#tabs,
      namespace,
      elsewhere: this.#arena.address("elsewhere.html"),
    };
    this.#begun = Date.now();
    await play(draw(`${seed} ${name}`, lanes, length), world, length, this.#log);
    const back = await this.#comeBack();
    const records = await this.#end();
    const file = await this.#keep(records);
    const violations = await this.#judge(records, back);
    return violations.length ? [...violations, this.#explain(file)] : [];
  }

  async #close() {
    for (const { proxy, fleet } of this.#teams) {
      await proxy.close();
      await fleet.remove();
    }
  }

  async #begin() {
    const { contestants, tabs, pace } = this.#rules;
    for (const [name, fleet] of await this.#arena.fleets(contestants, FLEET)) {
      this.#teams.push({ name, fleet, proxy: await FaultyProxy.open(fleet) });
    }
    const addresses = this.#teams.map(({ proxy: { list, urls } }) => ({ list, urls }));
    const all = contestants.map((contestant, index) => ({ ...contestant, ...addresses[index] }));
    this.#tabs = await Tabs.open(this.#arena.page, this.#arena.address("chaos/"), tabs);
    await this.#tabs.each((page) => page.run((...given) => window.begin(...given), all, pace));
    const working = () => Object.values(window.look()).every(({ lastEcho }) => lastEcho > 0);
    await this.#tabs.each((page) => page.until(working, "every application works"));
  }

  /** Waits until all work again, now that nothing hinders them. Gives how many of each contestant's applications do. */
  async #comeBack() {
    for (const { fleet } of this.#teams) await fleet.reset();
    const calm = Date.now();
    const works = (names, calm) => {
      const all = window.look();
      return names.every((name) => all[name].open && all[name].lastEcho > calm);
    };
    const [ours, others] = [this.#ours, this.#rules.contestants.map(({ name }) => name)];
    await this.#tabs.each((page) => page.hopeFor(works, calm + PATIENCE - Date.now(), ours, calm));
    await this.#tabs.each((page) => page.hopeFor(works, calm + OTHERS - Date.now(), others, calm));
    const looks = await this.#tabs.each((page) => page.run(() => window.look()));
    const back = (name) => looks.filter((look) => look[name].open && look[name].lastEcho > calm).length;
    return Object.fromEntries(others.map((name) => [name, back(name)]));
  }

  /** Ends the applications. Gives the records of each contestant. */
  async #end() {
    await this.#tabs.each((page) => page.run(() => window.stop()));
    await pause(SETTLING);
    await this.#tabs.each((page) => page.run(() => window.finish()));
    const records = {};
    for (const { name } of this.#rules.contestants) {
      records[name] = await this.#tabs.each((page) => page.run((name) => window.record(name), name));
    }
    return records;
  }

  async #judge(records, back) {
    const { name: trial, contestants } = this.#rules;
    const { engine } = this.#arena;
    const violations = [];
    const rows = contestants.map(({ name: library }) => {
      const total = sum(records[library].map(account));
      const never = ["unaccounted", "contradicted", "repeated", "disordered"];
      if (this.#ours.includes(library)) {
        for (const it of never.filter((it) => total[it].length)) violations.push(`${library}: ${it}: ${total[it]}`);
        if (back[library] < this.#tabs.count) violations.push(`${library}: ${back[library]} came back in the end`);
      }
      const counts = Object.fromEntries(never.map((it) => [it, total[it].length]));
      const seconds = { away: toSeconds(total.away / this.#tabs.count), longest: toSeconds(total.longest) };
      return { trial, engine, library, ...total, ...counts, ...seconds, back: back[library] };
    });
    await table.record(rows);
    const uncaught = (await this.#tabs.each((page) => page.run(() => window.uncaught))).flat();
    return [...violations, ...uncaught.map((error) => `uncaught: ${error}`)];
  }

  /** Writes down all that happened. Says where. */
  async #keep(records) {
    const { name, seed } = this.#rules;
    const folder = join(root, "target", "chaos");
    const file = join(folder, `${this.#arena.engine}, ${name}.json`);
    await mkdir(folder, { recursive: true });
    await writeFile(file, JSON.stringify({ seed, begun: this.#begun, log: this.#log, records }));
    return file;
  }

  #explain(file) {
    const faults = this.#log.toSorted((a, b) => a.at - b.at).map((fault) => JSON.stringify(fault));
    const head = `The seed: ${this.#rules.seed}. All records: ${file}. The faults, as they were, in ms:`;
    return [head, ...faults].join("\n");
  }

  get #ours() {
    return this.#rules.contestants.filter(({ library }) => library === "evenkeel").map(({ name }) => name);
  }
}

const toSeconds = (time) => (time / 1_000).toFixed(1);
