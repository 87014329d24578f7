// How the list endpoint behaves: one of several, as a row of buttons.

import { button, el } from "./dom.js";

const MODES = [
  ["ok", "OK", "the list is served as it should be"],
  ["fail", "Fail (503)", "the endpoint answers 503"],
  ["hang", "Hang", "the endpoint never answers"],
  ["garbage", "Garbage", "the endpoint answers broken JSON"],
  ["html", "HTML", "a captive portal answers instead"],
  ["stale", "Stale", "the list stays as it is now and grows old"],
  ["empty", "Empty", "the list has no servers"],
];

export class ListMode {
  #root;
  #note;
  #buttons;

  constructor(root, note, act) {
    this.#root = root;
    this.#note = note;
    this.#buttons = MODES.map(([mode, label]) =>
      button(label, { pressed: false, testid: `list-mode-${mode}`, onClick: () => act.listMode(mode, label) }),
    );
    root.append(...this.#buttons);
  }

  render({ mode }) {
    if (this.#root.dataset.mode === mode) return;
    this.#root.dataset.mode = mode;
    MODES.forEach(([name, , meaning], index) => {
      this.#buttons[index].setAttribute("aria-pressed", String(name === mode));
      if (name === mode) this.#note.replaceChildren(el("span", { text: `Now: ${meaning}.` }));
    });
  }
}
