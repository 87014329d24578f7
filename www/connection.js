// This page's own connection: its state, where it is, since when, and why there.

import { el, fill, setText } from "./dom.js";
import { duration, percent, stopwatch } from "./format.js";
import { explainCause, explainExclusion, explainReason, explainState } from "./words.js";

export class ConnectionPanel {
  #parts;
  #socket = null;
  #openedAt = null;
  #lostAt = null;
  #last = null;
  #retry = null;
  #decision = null;

  /** `parts`: the elements that are written to, by name (see main.js). */
  constructor(parts) {
    this.#parts = parts;
  }

  /** Follows this socket from now on. */
  watch(socket) {
    this.#socket = socket;
    this.#openedAt = this.#lostAt = this.#last = this.#retry = this.#decision = null;
    socket.addEventListener("open", () => {
      this.#openedAt = performance.now();
      this.#last = socket.server.id;
      this.#lostAt = this.#retry = null;
      this.render();
    });
    socket.addEventListener("close", () => {
      // A failed attempt closes too: the gap began with the first loss.
      this.#lostAt ??= performance.now();
      this.#openedAt = null;
      this.render();
    });
    socket.addEventListener("retry", ({ delay, cause }) => {
      this.#retry = { at: performance.now() + delay, cause };
      this.render();
    });
    socket.addEventListener("decision", (decision) => {
      this.#decision = decision;
      this.#retry = null;
      this.#renderDecision();
    });
    socket.addEventListener("statechange", () => this.render());
    this.#renderDecision();
    this.render();
  }

  /** Called a few times a second as well: clocks run. */
  render() {
    if (!this.#socket) return;
    const { state, server } = this.#socket;
    const { badge, stateText, serverId, group, url, uptime, again, mini } = this.#parts;
    const open = this.#openedAt !== null;
    const place = server?.id ?? "nowhere";
    const up = open ? stopwatch(performance.now() - this.#openedAt) : "–";

    for (const element of [badge, mini.badge]) {
      setText(element, state);
      element.dataset.state = state;
    }
    const waiting = this.#whatComesNext(state);
    setText(stateText, waiting || explainState(state));
    stateText.classList.toggle("waiting", waiting !== "");
    setText(serverId, place);
    serverId.classList.toggle("past", !open);
    setText(mini.server, place);
    setText(group, server ? String(server.priority) : "–");
    setText(url, this.#socket.url || "–");
    setText(uptime, up);
    setText(mini.uptime, up);
    again.hidden = state !== "closed";
  }

  /** The gap, while there is one: how long it lasts, since when, and when the next try is due. */
  #whatComesNext(state) {
    if (state === "closed" || this.#openedAt !== null || (this.#lostAt === null && !this.#retry)) return "";
    const now = performance.now();
    const sentences = [];
    if (this.#lostAt !== null) {
      const what = this.#last ? `${this.#last} was lost` : "The first try failed";
      sentences.push(`${what} ${duration(now - this.#lostAt)} ago`);
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
    const decision = this.#decision;
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
      setText(value, excluded ? explainExclusion(excluded) : percent(probability));
      bar.style.setProperty("--chance", probability);
      row.classList.toggle("chosen", id === decision.server.id);
      row.classList.toggle("excluded", Boolean(excluded));
    });
  }
}
