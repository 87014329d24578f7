// Stands in for the generated glue, so that the face can be checked before the wasm is built.
import type { WasmClass } from "./driver.js";

export default function init(options: { module_or_path: unknown }): Promise<unknown>;
export const Core: WasmClass;
