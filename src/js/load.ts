import type { Parts } from "./core.js";
import { Driver } from "./driver.js";
import { EvenkeelError } from "./errors.js";
import * as glue from "./wasm.js";

let loading: Promise<Parts> | undefined;

/**
 * The parts that need the core, once it is there. It is loaded once for all who ask: the glue holds one instance, and a
 * second would take the first one's place. A failure is forgotten, so that whoever asks next tries again.
 */
export function load(wasm: () => unknown): Promise<Parts> {
  loading ??= (async () => {
    try {
      const { exports } = await instantiate(await wasm());
      glue.__wbg_set_wasm(exports);
      (exports as { __wbindgen_start(): void }).__wbindgen_start();
      const { Core } = glue;
      return { Driver: Driver.bind(null, Core), Core };
    } catch (error) {
      loading = undefined;
      throw new EvenkeelError("wasm-unavailable", error);
    }
  })();
  return loading;
}

/** From a URL, a response, bytes or a compiled module. */
async function instantiate(wasm: unknown): Promise<WebAssembly.Instance> {
  const imports = { "./wasm_bg.js": glue as unknown as WebAssembly.ModuleImports };
  const source = typeof wasm === "string" || wasm instanceof URL ? await fetch(wasm) : wasm;
  if (typeof Response !== "function" || !(source instanceof Response)) {
    const made: unknown = await WebAssembly.instantiate(source as BufferSource, imports);
    // Of a compiled module there is only the instance.
    return (made as { instance?: WebAssembly.Instance }).instance ?? (made as WebAssembly.Instance);
  }
  if (!source.ok) throw new Error(`${source.status} for ${source.url}`);
  // Compiled while it loads, where the server calls it by its name.
  const streams = source.headers.get("content-type") === "application/wasm" && "instantiateStreaming" in WebAssembly;
  const { instance } = streams
    ? await WebAssembly.instantiateStreaming(source, imports)
    : await WebAssembly.instantiate(await source.arrayBuffer(), imports);
  return instance;
}
