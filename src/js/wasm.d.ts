// Stands in for the generated glue, so that the face can be checked before the wasm is built.
import type { WasmClass } from "./driver.js";

/** Hands it the exports of the instance. */
export function __wbg_set_wasm(exports: unknown): void;
export const Core: WasmClass;
