// What examples get as "evenkeel": the package, told of the test's list in place of the one that the documentation names.

import { createWebSocketClass as create } from "evenkeel-itself";
import { told } from "./application.js";

const DOCUMENTED = "https://api.example.com/servers";

export function createWebSocketClass(seed, options) {
  if (seed !== DOCUMENTED) throw new Error(`an example asks for the list of ${seed}`);
  return create(told.seed, { ...told.options, ...options });
}
