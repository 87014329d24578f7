// What is built with every tool that can: the entries of the package, in pages and in workers.

/** The strictest policy: what runs under it runs without it. */
const STRICTEST = "strict, Trusted Types";

/** `main`: the fixture that the page starts with. */
export const full = { entry: "evenkeel", main: "full.js", where: "page", policy: STRICTEST };

/** Tools differ in how they name the file of the wasm: each by a fixture of its own. */
export const slim = (main) => ({ entry: "evenkeel/slim", main: `slim/${main}`, where: "page", policy: STRICTEST });

/** Workers are made from URLs, which Trusted Types leave to the application. */
export const dedicated = { entry: "evenkeel", main: "dedicated.js", where: "dedicated worker", policy: "strict" };
export const shared = { entry: "evenkeel", main: "shared.js", where: "shared worker", policy: "strict" };

/** Where a tool cannot be under a policy. */
export const free = (page) => ({ ...page, policy: "none" });

/** The name of a page's folder in the project. */
export const placeOf = (tool, { main }) => `${tool}-${main}`.replace(/\W+/g, "-");
