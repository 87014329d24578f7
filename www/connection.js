// This page's own connection: its state, where it is, since when, and why there.

import { el, fill, setText } from "./dom.js";
import { ago, duration, percent, stopwatch } from "./format.js";
import {
  explainCause,
  explainExclusion,
  explainMove,
  explainReason,
  explainState,
  leavesWithin,
  nameExclusion,
} from "./words.js";

export class ConnectionPanel {
  #parts;
  #socket = null;
  #openedAt = null;
  #heardAt = null;
  #lostAt = null;
  #last = null;
  #retry = null;
  #move = null; // the last one, if the connection came of one
  #decision = null; // the last one
  #decisions = new Map(); // the last one for each server, by id

  /** `parts`: the elements that are written to, by name (see main.js). */
  constructor(parts) {
    this.#parts = parts;
  }

  /** Follows this socket from now on. */
  watch(socket) {
    this.#socket = socket;
    this.#openedAt = this.#heardAt = this.#lostAt = this.#last = this.#retry = this.#move = this.#decision = null;
    this.#decisions.clear();
    socket.addEventListener("open", () => {
      this.#openedAt = performance.now();
      this.#last = socket.server.id;
      this.#lostAt = this.#retry = this.#move = null;
      this.heard();
      this.render();
    });
    socket.addEventListener("message", () => this.heard());
    socket.addEventListener("migrate", ({ from, to, reason }) => {
      this.#last = to.id;
      this.#move = { from: from.id, reason };
      this.render();
    });
    socket.addEventListener("close", () => {
      // A failed attempt closes too: the gap began with the first loss.
      this.#lostAt ??= performance.now();
      this.#openedAt = this.#heardAt = this.#retry = null;
      this.render();
    });
    socket.addEventListener("retry", ({ delay, cause }) => {
      this.#retry = { at: performance.now() + delay, cause };
      this.render();
    });
    socket.addEventListener("decision", (decision) => {
      this.#decision = decision;
      this.#decisions.set(decision.server.id, decision);
      this.#retry = null;
      this.render();
    });
    socket.addEventListener("statechange", () => this.render());
    this.render();
  }

  /** Something has come from the server, be it only the answer to a ping. */
  heard() {
    this.#heardAt = performance.now();
  }

  /** Called a few times a second as well: clocks run. */
  render() {
    if (!this.#socket) return;
    const { state, server } = this.#socket;
    const { badge, stateText, serverId, group, url, uptime, heard, move, again, mini } = this.#parts;
    const open = this.#openedAt !== null;
    const place = server?.id ?? "nowhere";
    const now = performance.now();
    const up = open ? stopwatch(now - this.#openedAt) : "–";

    for (const element of [badge, mini.badge]) {
      setText(element, state);
      element.dataset.state = state;
    }
    const [text, tone] = this.#whatIsGoingOn(state);
    setText(stateText, text);
    stateText.dataset.tone = tone;
    setText(serverId, place);
    serverId.classList.toggle("past", !open);
    setText(mini.server, place);
    setText(group, server ? String(server.priority) : "–");
    setText(url, this.#socket.url || "–");
    setText(uptime, up);
    setText(mini.uptime, up);
    setText(heard, open ? ago(now - this.#heardAt) : "–");
    move.disabled = state !== "open";
    again.hidden = state !== "closed";
    this.#renderDecision();
  }

  /** The line below the state, and its tone. */
  #whatIsGoingOn(state) {
    const waiting = this.#whatComesNext(state);
    if (waiting) return [waiting, "waiting"];
    if (state === "migrating") {
      return [`Opening a connection to ${this.#decision.server.id} before leaving ${this.#last}.`, "moving"];
    }
    const leaving = state === "open" && this.#socket.snapshot().leaving;
    if (leaving) return [`Leaves ${leavesWithin(leaving)}: ${explainMove(leaving)}.`, "moving"];
    if (state === "open" && this.#move) {
      const { from, reason } = this.#move;
      return [`Moved here from ${from} without a gap: ${explainMove(reason)}.`, ""];
    }
    return [explainState(state), ""];
  }

  /** The gap, while there is one: how long it lasts, since when, and when the next try is due. */
  #whatComesNext(state) {
    if (state === "closed" || this.#openedAt !== null || (this.#lostAt === null && !this.#retry)) return "";
    const now = performance.now();
    const sentences = [];
    if (this.#lostAt !== null) {
      const what = this.#last ? `${this.#last} was lost` : "The first try failed";
      sentences.push(`${what} ${ago(now - this.#lostAt)}`);
    }
    if (this.#retry) {
      const wait = this.#retry.at - now;
      sentences.push(
        `${explainCause(this.#retry.cause)}; ${wait > 0 ? `next try in ${duration(wait)}` : "trying again"}`,
      );
    } else if (this.#socket.server) {
      sentences.push(`trying ${this.#socket.server.id}`);
    }
    return `${sentences.join(": ")}.`;
  }

  #renderDecision() {
    const { why, chances } = this.#parts;
    // That of a move counts while it is under way, and if it comes about.
    const { state, server } = this.#socket;
    const standing = state === "migrating" ? undefined : this.#decisions.get(server?.id);
    const decision = standing ?? this.#decision;
    const probabilities = decision?.probabilities ?? [];
    setText(
      why,
      decision
        ? `${decision.server.id}, drawn from group ${decision.group} with a chance of ${percent(decision.probability)}: ${explainReason(decision.reason)}.`
        : "No decision yet.",
    );
    fill(chances, probabilities.length, () =>
      el("li", { class: "chance-row" }, el("span"), el("span", { class: "chance-bar" }), el("span")),
    );
    probabilities.forEach(({ id, probability, excluded }, index) => {
      const row = chances.children[index];
      const [name, bar, value] = row.children;
      setText(name, id);
      setText(value, excluded ? nameExclusion(excluded) : percent(probability));
      value.title = excluded ? explainExclusion(excluded) : "";
      bar.style.setProperty("--chance", probability);
      row.classList.toggle("chosen", id === decision.server.id);
      row.classList.toggle("excluded", Boolean(excluded));
    });
  }
}
