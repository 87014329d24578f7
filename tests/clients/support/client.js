// The client that a test drives: one library's example and what its test does with it.

import { mark, shown, told } from "./application.js";

let play;

/** Runs the example: nothing of it has run before. */
export async function open(seed, options) {
  Object.assign(told, { seed, options });
  play = await import("the play");
}

/** What of the play a test asks for, by its name. */
export const ask = (name, ...values) => play[name](...values);

export { mark, shown };
