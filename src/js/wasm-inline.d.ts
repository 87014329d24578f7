// Stands in for the generated module that holds the wasm.
export const base64: string;
