import type { Parts } from "./core.js";
import { Driver } from "./driver.js";
import { EvenkeelError } from "./errors.js";
import init, { Core } from "./wasm.js";

let loading: Promise<Parts> | undefined;

/**
 * The parts that need the core, once it is there. It is loaded once for all who ask: the glue holds one instance, and a
 * second would take the first one's place. A failure is forgotten, so that whoever asks next tries again.
 */
export function load(module: () => unknown): Promise<Parts> {
  loading ??= (async () => {
    try {
      await init({ module_or_path: await module() });
      return { Driver: Driver.bind(null, Core), Core };
    } catch (error) {
      loading = undefined;
      throw new EvenkeelError("wasm-unavailable", error);
    }
  })();
  return loading;
}
