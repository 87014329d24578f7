// A range input that sends at most ten values a second, and is not moved by news while somebody is moving it.

import { el, setText } from "./dom.js";

const PACE = 100; // ms between values sent
const HELD = 1_500; // ms after the last touch during which news do not move it

export class Slider {
  element;

  #input;
  #shown = el("output");
  #format;
  #touched = Number.NEGATIVE_INFINITY;
  #timer = null;

  /** `format` turns the value into the text beside it; `onValue` receives what the user chose. */
  constructor({ label, describedAs, max, testid, format = String, onValue }) {
    this.#format = format;
    this.#input = el("input", {
      type: "range",
      min: 0,
      max,
      step: 1,
      value: 0,
      testid,
      "aria-label": describedAs,
      on: {
        input: () => {
          this.#touched = performance.now();
          this.#write();
          this.#timer ??= setTimeout(() => {
            this.#timer = null;
            onValue(Number(this.#input.value));
          }, PACE);
        },
      },
    });
    this.element = el("label", { class: "slider" }, el("span", { text: label }), this.#input, this.#shown);
    this.#write();
  }

  show(value) {
    if (performance.now() - this.#touched < HELD) return;
    this.#input.value = value;
    this.#write();
  }

  #write() {
    setText(this.#shown, this.#format(Number(this.#input.value)));
  }
}
