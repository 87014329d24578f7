// Stands in for the generated module that holds the wasm.
/** The wasm, deflated (zlib), as base64. */
export const base64: string;
