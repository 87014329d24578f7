// The servers: a bar of users against capacity for each, by priority group, and the controls beside it.

import { ServerControls } from "./controls.js";
import { button, el, setText } from "./dom.js";
import { count, percent } from "./format.js";
import { Slider } from "./slider.js";
import { explainExclusion, groupName, listedOtherwise, nameExclusion, serverConditions } from "./words.js";

const STUCK = 3_000; // ms: a listed count that stays wrong for longer than lists take to be made again

export class Bars {
  #root;
  #act;
  #groups = [];
  #shape = "";

  /** `act` carries the buttons' wishes out (see main.js). */
  constructor(root, act) {
    this.#root = root;
    this.#act = act;
  }

  /**
   * `truth` is the fleet's own account of itself, `seen` maps ids to the client's view of them (`socket.servers`),
   * `own` is the id of the server this page is connected to, or null.
   */
  render(truth, seen, own) {
    const priorities = [...new Set(truth.servers.map((server) => server.priority))].sort((a, b) => a - b);
    const members = (priority) => truth.servers.filter((server) => server.priority === priority);
    const shape = JSON.stringify(priorities.map((priority) => members(priority).map((server) => server.id)));
    if (shape !== this.#shape) {
      this.#shape = shape;
      this.#groups = priorities.map((priority) => new Group(priority, priorities, members(priority), this.#act));
      this.#root.replaceChildren(...this.#groups.map((group) => group.element));
    }
    for (const group of this.#groups) group.render(members(group.priority), seen, own);
  }
}

class Group {
  #rows;
  #summary = el("p", { class: "group-summary" });
  #load;

  constructor(priority, priorities, servers, act) {
    this.priority = priority;
    this.#rows = servers.map((server) => new Row(server, act));
    this.#load = new Slider({
      label: "Base load",
      describedAs: `Base load of every server in group ${priority}, percent of its capacity`,
      max: 110,
      testid: `load-group-${priority}`,
      format: (value) => `${value} %`,
      onValue: (value) => act.loadGroup(priority, value / 100),
    });
    const heading = el("h3", { text: `Group ${priority} ` }, el("small", { text: groupName(priority, priorities) }));
    this.element = el(
      "section",
      { class: "group", "data-place": Math.min(priorities.indexOf(priority), 2) },
      el(
        "header",
        { class: "group-head" },
        heading,
        el(
          "div",
          { class: "buttons" },
          button("Kill group", {
            kind: "danger",
            testid: `kill-group-${priority}`,
            onClick: () => act.killGroup(priority),
          }),
          button("Revive group", { testid: `revive-group-${priority}`, onClick: () => act.reviveGroup(priority) }),
        ),
        this.#summary,
        this.#load.element,
      ),
      el("ul", { class: "servers" }, ...this.#rows.map((row) => row.element)),
    );
  }

  render(servers, seen, own) {
    const up = servers.filter((server) => server.behaviour.alive);
    const sum = (list, field) => list.reduce((total, server) => total + server[field], 0);
    const [users, capacity] = [sum(up, "users"), sum(up, "capacity")];
    const level = capacity > 0 ? users / capacity : 0;
    setText(
      this.#summary,
      up.length === 0 ? "no server is up" : `${count(users, "user")} on ${count(capacity, "place")}: ${percent(level)}`,
    );
    this.#load.show(Math.round((100 * sum(servers, "baseUsers")) / Math.max(1, sum(servers, "capacity"))));
    this.element.style.setProperty("--level", `${Math.min(100, level * 100)}%`);
    this.element.classList.toggle("none-up", up.length === 0);
    for (const row of this.#rows) {
      const server = servers.find((candidate) => candidate.id === row.id);
      row.render(server, seen.get(row.id), own === row.id);
    }
  }
}

class Row {
  #chips = el("span", { class: "chips" });
  #here = el("span", { class: "chip you", text: "this page" });
  #base = el("span", { class: "bar-base" });
  #connections = el("span", { class: "bar-connections" });
  #listed = el("span", { class: "bar-listed" });
  #bar;
  #users = el("span", { class: "users" });
  #chance = el("span", { class: "chance" });
  #controls;
  #chipText = null;
  #listedUsers;
  #listedAt = 0;

  constructor(server, act) {
    this.id = server.id;
    this.#bar = el(
      "div",
      {
        class: "bar",
        role: "meter",
        "aria-label": `Users of ${server.id}`,
        "aria-valuemin": 0,
        testid: `bar-${server.id}`,
      },
      this.#base,
      this.#connections,
      el("span", { class: "bar-spill" }),
      el("span", { class: "bar-level" }),
      this.#listed,
    );
    this.#controls = new ServerControls(server, act);
    this.element = el(
      "li",
      { class: "server" },
      el("div", { class: "server-name" }, el("strong", { text: server.id }), this.#here, this.#chips),
      this.#bar,
      this.#users,
      this.#chance,
      this.#controls.buttons,
      this.#controls.drawer,
    );
  }

  render(server, seen, own) {
    const { users, capacity, baseUsers } = server;
    const share = (number) => Math.min(100, (100 * number) / Math.max(1, capacity));
    const alive = server.behaviour.alive;
    this.element.classList.toggle("dead", !alive);
    this.element.classList.toggle("own", own);
    this.#here.hidden = !own;
    this.#base.style.width = `${alive ? share(baseUsers) : 0}%`;
    this.#connections.style.width = `${alive ? share(users) - share(baseUsers) : 0}%`;
    this.#bar.classList.toggle("full", alive && users >= capacity);
    const shown = alive ? users : 0;
    this.#bar.dataset.users = shown;
    this.#bar.setAttribute("aria-valuemax", Math.max(capacity, shown));
    this.#bar.setAttribute("aria-valuenow", shown);
    this.#bar.setAttribute("aria-valuetext", `${shown} of ${capacity}`);
    const listedUsers = server.listed?.users;
    if (listedUsers !== this.#listedUsers || listedUsers === users) {
      this.#listedUsers = listedUsers;
      this.#listedAt = performance.now();
    }
    const stuck = performance.now() - this.#listedAt > STUCK;
    this.#listed.hidden = !alive || listedUsers === undefined || listedUsers === users;
    if (listedUsers !== undefined) this.#listed.style.left = `${share(listedUsers)}%`;

    setText(this.#users, `${shown} / ${capacity}`);
    const excluded = seen?.excluded;
    setText(
      this.#chance,
      seen === undefined ? "–" : excluded ? nameExclusion(excluded) : percent(seen.probability ?? 0),
    );
    this.#chance.title = excluded ? explainExclusion(excluded) : "";
    this.#chance.classList.toggle("excluded", Boolean(excluded));
    this.#chance.setAttribute("aria-label", `Chance of being chosen next: ${this.#chance.textContent}`);
    this.element.style.setProperty("--chance", excluded ? 0 : (seen?.probability ?? 0));

    const chips = [
      ...serverConditions(server),
      ...listedOtherwise(server, stuck).map((text) => ({ text, tone: "note" })),
    ];
    const text = JSON.stringify(chips);
    if (text !== this.#chipText) {
      this.#chipText = text;
      this.#chips.replaceChildren(
        ...chips.map((chip) => el("span", { class: "chip", "data-tone": chip.tone, text: chip.text })),
      );
    }
    this.#controls.render(server);
  }
}
