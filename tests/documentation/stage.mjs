// Where examples run: their hosts are a fleet on this machine, and what they import from Evenkeel tells of its sockets.

import { cp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { root } from "../support/package.mjs";

const site = fileURLToPath(new URL("site", import.meta.url));

/** What the fleet serves at its root: `site/`, and what is made of the examples. */
const folder = join(root, "target/documentation");

/** The folders of the pages, by path. */
const dist = join(root, "dist");
export const mounts = { "/": folder, "/evenkeel": dist, "/node_modules/evenkeel/dist": dist };

/** Prepares them. */
export async function set() {
  await rm(folder, { recursive: true, force: true });
  await cp(site, folder, { recursive: true });
  await cp(join(root, "dist/evenkeel.wasm"), join(folder, "evenkeel.wasm"));
}

/** Writes a file to be served. */
export const write = (name, text) => writeFile(join(folder, name), text);

/**
 * An example with this machine in place of the hosts that it names, which are all below `example.com`:
 *
 * | in the example | here |
 * |---|---|
 * | `https://….example.com/servers` | the fleet's list |
 * | `wss://….example.com/…` | the fleet's servers, one for each name |
 * | `https://….example.com/…` | what `write` has put there |
 * | hosts in a policy or an option, `*.example.com` | this machine's address, any port of it |
 */
export function localised(code, { origin, list, servers }) {
  const names = [];
  const server = (name) => {
    if (!names.includes(name)) names.push(name);
    return servers[names.indexOf(name) % servers.length].replace(/\/$/, "");
  };
  const { hostname } = new URL(origin);
  return code
    .replace(/https:\/\/[\w-]+\.example\.com\/servers/g, list)
    .replace(/wss:\/\/([\w-]+)\.example\.com/g, (_, name) => server(name))
    .replace(/https:\/\/[\w-]+\.example\.com/g, origin)
    .replace(/wss?:\/\/\*\.example\.com/g, `ws://${hostname}:*`)
    .replace(/(?:\*\.|[\w-]+\.)*example\.com/g, hostname);
}

/**
 * What a comment claims, a test compares: `expression; // → value` is what the expression comes to, as `shown` in
 * site/stage.js writes it.
 */
const compared = (code) =>
  code.replace(/^(.+?);? *\/\/ → (.+)$/gm, (_, value, words) => `await claim(${value}, ${JSON.stringify(words)});`);

/** The package's entries as examples import them: these keep account of the sockets that they make. */
const ENTRIES = {
  evenkeel: "/evenkeel.js",
  "evenkeel/slim": "/slim.js",
};

const entries = {
  name: "entries",
  setup: ({ onResolve }) => onResolve({ filter: /^evenkeel/ }, ({ path }) => ({ path: ENTRIES[path], external: true })),
};

/** An example as a module, with what it imports of others bundled in. Gives its path for pages. */
export async function bundle(name, { code, language }, where) {
  await build({
    stdin: { contents: compared(localised(code, where)), loader: language, resolveDir: root },
    bundle: true,
    format: "esm",
    target: "es2022",
    logLevel: "error",
    outfile: join(folder, `${name}.js`),
    plugins: [entries],
  });
  return `/${name}.js`;
}
