// What happened, newest first, and no more of it than a page should hold.

import { el } from "./dom.js";
import { timeOfDay } from "./format.js";

const LONGEST = 200; // entries: some minutes of a busy afternoon

export class Timeline {
  #list;

  constructor(list) {
    this.#list = list;
  }

  /**
   * Adds an entry. `kind` is the name of the event, shown as its tag; `tone` (good, bad, warn, you, or none)
   * its colour; `note` is smaller print after the text.
   */
  add(kind, text, { tone = "", note = "" } = {}) {
    const now = new Date();
    const entry = el(
      "li",
      { class: "entry", testid: "timeline-entry", "data-kind": kind, "data-tone": tone },
      el("time", { datetime: now.toISOString(), text: timeOfDay(now) }),
      el("span", { class: "tag", text: kind }),
      el("span", { class: "entry-text", text }),
    );
    if (note) entry.lastChild.append(" ", el("small", { text: note }));
    this.#list.prepend(entry);
    while (this.#list.childElementCount > LONGEST) this.#list.lastElementChild.remove();
  }

  clear() {
    this.#list.replaceChildren();
  }
}
