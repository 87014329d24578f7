// Libraries side by side under the same fault: in one page, with an application for each.

import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { ATTEMPTS_WITHIN, figures, median } from "./figures.mjs";
import { Table } from "./table.mjs";

const table = new Table(
  "faults",
  {
    fault: "fault",
    engine: "engine",
    library: "library",
    notice: "noticed, ms",
    reopen: "works again, ms",
    gap: "longest silence, ms",
    attempts: "attempts in 10 s",
    silent: "lost in silence",
    told: "lost and told",
    repeated: "repeated",
  },
  ["fault", "engine", "library"],
);

/** What Evenkeel always gets: else every loss would be that of a short-lived connection, and none a crash. */
const OPTIONS = { minUptime: 1_500 };

/** The ping of applications that have one: servers that echo answer any. */
export const HEARTBEAT = { message: "ping", reply: "ping", interval: 2_000, timeout: 1_000 };

/** How long connections stand before a fault, in ms: more than Evenkeel's minimum uptime. */
const STEADY = 2_000;

/** How long all are given to come back, in ms: the others are back after their second try. */
const OBSERVED = 15_000;

/** After the last message was sent: the longest that its echo and those before it may take, in ms. */
const SETTLING = 5_000;

/** Evenkeel as a contestant; what `more` says goes to the page. */
export const evenkeel = (options = {}, { as = "evenkeel", ...more } = {}) => ({
  library: "evenkeel",
  name: as,
  options: { ...OPTIONS, ...options },
  ...more,
});

/** The others, with their defaults and one of the url functions of sockets.js. */
export const peers = (by = "random") =>
  ["reconnecting-websocket", "partysocket"].map((library) => ({
    library,
    name: by === "turns" ? `${library}, urls in turn` : library,
    by,
  }));

/** Those of a team have one fleet, and one row in the table: their median. */
export const teamOf = ({ team, name }) => team ?? name;

export class Contest {
  #page;
  #engine;
  #fault;
  #contestants;
  #fleets;
  #rules;
  /** The servers that teams were on when they were struck. */
  #servers = new Map();
  #since;
  #struck;

  /**
   * `fleets`: by team. `rules.source`: gives the address of a fleet's list, where clients are not to ask the fleet itself.
   * `rules.noticedBy`: the events by which an application is told, where that is no loss of a connection.
   */
  constructor({ page, engine }, fault, contestants, fleets, rules) {
    this.#page = page;
    this.#engine = engine;
    this.#fault = fault;
    this.#contestants = contestants;
    this.#fleets = fleets;
    this.#rules = rules;
  }

  /** Starts the applications, and the time. The url function `first` begins with the server `first`. */
  async begin(first) {
    const { source = ({ list }) => list } = this.#rules;
    const settings = await this.#ofEachFleet(async (fleet) => {
      const { servers } = await fleet.state();
      return {
        list: await source(fleet),
        urls: servers.map(({ url }) => url),
        first: servers.find(({ id }) => id === first)?.url,
      };
    });
    const contestants = this.#contestants.map((contestant) => ({ ...contestant, ...settings.get(teamOf(contestant)) }));
    this.#since = this.#struck = Date.now();
    await this.#page.run((contestants) => window.begin(contestants), contestants);
  }

  /** Starts the applications, and waits until all have worked for a while. */
  async steady() {
    await this.begin();
    const steady = (time) =>
      Object.values(window.look()).every(({ open, opened, lastEcho }) => open && lastEcho - opened > time);
    await this.#page.until(steady, "every application works", STEADY);
  }

  /** The fault: `action({ fleet, server })` for every team, `server` being the id of the one that it is on. */
  async strike(action) {
    this.#servers = await this.#ofEachFleet(async (fleet) => {
      const { servers } = await fleet.state();
      return servers.find(({ connections }) => connections > 0)?.id;
    });
    this.#since = this.#struck = Date.now();
    await this.each(action);
  }

  /** Another action for every team, `server` being the one that was struck. */
  async each(action) {
    await this.#ofEachFleet((fleet, team) => action({ fleet, server: this.#servers.get(team) }));
  }

  /** The fault is felt from this moment on; what happened since the strike counts. */
  struckAt(moment) {
    this.#struck = moment;
  }

  /**
   * Waits until the applications work again: the one named evenkeel for `patience` ms, all for a while; and in any case
   * as long as attempts are counted. Then it is over: the figures and reports, by the names of the contestants.
   */
  async figures(patience = 30_000) {
    const [soon, late] = [OBSERVED, patience].map((time) => Date.now() + time);
    await this.observe();
    await this.#recovered(
      this.#contestants.map(({ name }) => name),
      soon,
    );
    await this.#recovered(["evenkeel"], late);
    return this.finish();
  }

  /** Waits for as long as attempts are counted. */
  observe() {
    return pause(this.#struck + ATTEMPTS_WITHIN - Date.now());
  }

  /** Waits until these work again, or until the deadline. */
  #recovered(names, deadline) {
    const recovered = (names, struck) => {
      const all = window.look();
      return names.every((name) => {
        const { open, opened, lastEcho } = all[name];
        return open && opened >= struck && lastEcho >= opened;
      });
    };
    return this.#page.hopeFor(recovered, deadline - Date.now(), names, this.#struck);
  }

  /** Ends it now. */
  async finish() {
    await this.#page.run(() => window.stop());
    const end = Date.now();
    const settled = () =>
      Object.values(window.look()).every(({ outstanding, lastEcho }) => !outstanding || Date.now() - lastEcho > 1_000);
    await this.#page.hopeFor(settled, SETTLING);
    // Before the applications close: what they do then is no part of it.
    const handshakes = await this.#ofEachFleet(async (fleet) => {
      const { servers } = await fleet.state();
      return servers.reduce((sum, { accepted, refused }) => sum + accepted + refused, 0);
    });
    const reports = await this.#page.run(() => window.reports());
    await this.#ofEachFleet((fleet) => fleet.remove());
    const moments = { fault: this.#struck, since: this.#since, end, noticedBy: this.#rules.noticedBy };
    const results = {};
    const rows = [];
    for (const team of this.#fleets.keys()) {
      const names = this.#contestants.filter((contestant) => teamOf(contestant) === team).map(({ name }) => name);
      const attempts = names.reduce((sum, name) => sum + reports[name].attempts.length, 0);
      // A test of the measure: no server has seen a connection that the page does not know of.
      assert.ok(handshakes.get(team) <= attempts, `${team}: ${handshakes.get(team)} handshakes, ${attempts} attempts`);
      const all = names.map((name) => figures(reports[name], moments));
      names.forEach((name, index) => {
        results[name] = { ...all[index], report: reports[name] };
      });
      rows.push({ fault: this.#fault, engine: this.#engine, library: team, ...median(all) });
    }
    await table.record(rows);
    return results;
  }

  /** What a question gives for each fleet, by team. */
  async #ofEachFleet(question) {
    const answers = [...this.#fleets].map(async ([team, fleet]) => [team, await question(fleet, team)]);
    return new Map(await Promise.all(answers));
  }
}
