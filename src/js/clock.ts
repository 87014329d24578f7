/** The time on `performance.now()`'s scale at which it stood still for a sleep, beyond what two clocks differ by anyway. */
const LEAP = 1_000;

/**
 * A clock in milliseconds that never goes back, and that goes on while the machine sleeps, as `performance.now()` does not
 * everywhere. Should someone set the wall clock ahead, it leaps with it: whoever waits then waits no longer.
 */
export class Clock {
  #apart = Date.now() - performance.now();
  #slept = 0;

  now(): number {
    const now = performance.now();
    const apart = Date.now() - now;
    // Set back, the wall clock is followed without a word.
    if (apart > this.#apart + LEAP) this.#slept += apart - this.#apart;
    if (Math.abs(apart - this.#apart) > LEAP) this.#apart = apart;
    return this.at(now);
  }

  /** A time stamp of the platform's on this clock. */
  at(stamp: number): number {
    return stamp + this.#slept;
  }
}
