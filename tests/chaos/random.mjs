// Randomness that comes from a seed, so that what was drawn can be drawn again.

import { createHash } from "node:crypto";

/** A generator: as good as the hash of the seed and of how often it was asked. */
export class Random {
  #seed;
  #drawn = 0;

  constructor(seed) {
    this.#seed = seed;
  }

  /** At least 0, less than 1. */
  fraction() {
    this.#drawn += 1;
    const hash = createHash("sha256").update(`${this.#seed} ${this.#drawn}`).digest();
    return hash.readUInt32BE() / 2 ** 32;
  }

  /** A whole number from `least` to `most`. */
  between(least, most) {
    return least + Math.floor(this.fraction() * (most - least + 1));
  }

  chance(probability) {
    return this.fraction() < probability;
  }

  /** One of these. */
  of(choices) {
    return choices[this.between(0, choices.length - 1)];
  }
}
