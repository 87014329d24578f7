import type { Core } from "./core.js";
import { EvenkeelError } from "./errors.js";
import init, { Driver, Selector } from "./wasm.js";

let loading: Promise<Core> | undefined;

/**
 * The core, loaded once for all who ask: the glue holds one instance, and a second would take the first one's place.
 * A failure is forgotten, so that whoever asks next tries again.
 */
export function load(module: () => unknown): Promise<Core> {
  loading ??= (async () => {
    try {
      await init({ module_or_path: await module() });
      return { Driver, Selector };
    } catch (error) {
      loading = undefined;
      throw new EvenkeelError("wasm-unavailable", error);
    }
  })();
  return loading;
}
