// Stands in for the generated glue, so that the face can be checked before the wasm is built.
import type { Core } from "./core.js";

export default function init(options: { module_or_path: unknown }): Promise<unknown>;
export const Driver: Core["Driver"];
export const Selector: Core["Selector"];
