import type { Answer } from "./core.js";
import { type ErrorCode, EvenkeelError } from "./errors.js";
import type { ServerEntry, ServerList } from "./list.js";
import type { SocketOptions } from "./options.js";
import type * as Platform from "./platform.js";
import { baseUrl, parseUrl } from "./validate.js";

/** A list, or the bare array of its servers. */
export type ListDocument = ServerList | readonly ServerEntry[];

/** A seed that is a function of the application. */
export type SeedFunction = (signal: Platform.AbortSignal) => ListDocument | Promise<ListDocument>;

/** Where the servers come from: seed URLs, `ws(s):` URLs, a list, or a function that gives one. */
export type Source = string | Platform.URL | readonly (string | Platform.URL)[] | ListDocument | SeedFunction;

/** The first argument, understood: seeds to ask, or a fixed list. */
export interface Plan {
  seeds: (string | SeedFunction)[];
  /** Per seed, and at 0 for a fixed list: what relative URLs resolve against. */
  bases: string[];
  fixed: unknown;
}

/** As many as the core can tell apart. */
const MAX_SEEDS = 65_535;

/** 4 MiB: the limit of DESIGN's list. */
const MAX_BYTES = 4_194_304;

const isUrl = (value: unknown): value is string | URL => typeof value === "string" || value instanceof URL;

/** What the application gave, as plain data: no getters, no proxies, no change afterwards. Throws what its code throws. */
export const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value) ?? "null");

/** The option `fallback` as a list, if it is given. */
export function parseFallback(given: string | Platform.URL | readonly (string | Platform.URL)[] | undefined): unknown {
  if (given === undefined) return undefined;
  const items: readonly unknown[] = Array.isArray(given) ? given : [given];
  const urls = items.every(isUrl) ? items.map(parseUrl) : [];
  if (!urls.length || !urls.every(({ protocol }) => /^wss?:$/.test(protocol))) {
    throw new EvenkeelError("bad-option", "fallback: ws: or wss: URLs expected");
  }
  return urls.map(({ href }) => ({ url: href }));
}

/** Reads the first argument; the exceptions are those of the constructor. */
export function parseSource(source: Source): Plan {
  if (typeof source === "function") return { seeds: [source], bases: [baseUrl()], fixed: undefined };
  let fixed: unknown;
  const items: readonly unknown[] = Array.isArray(source) ? source : [source];
  if (items.every(isUrl)) {
    const urls = items.map(parseUrl);
    const sockets = urls.filter((url) => url.protocol.startsWith("ws"));
    const seeds = urls.map((url) => url.href);
    if (!sockets.length && seeds.length && seeds.length <= MAX_SEEDS) return { seeds, bases: seeds, fixed };
    if (sockets.length === seeds.length) fixed = seeds.map((url) => ({ url }));
  } else if (typeof source === "object") {
    try {
      fixed = plain(source);
    } catch (error) {
      throw new EvenkeelError("bad-source", error);
    }
  }
  if (!fixed || !items.length) throw new EvenkeelError("bad-source");
  return { seeds: [], bases: [baseUrl()], fixed };
}

/** The answer as text, but no more of it than a list may have. */
async function textOf(response: Response): Promise<string> {
  const reader = response.body?.getReader();
  const decoder = new TextDecoder();
  let text = "";
  for (let left = MAX_BYTES; reader; ) {
    const { done, value } = await reader.read();
    if (done) break;
    left -= value.length;
    if (left < 0) {
      await reader.cancel();
      throw new EvenkeelError("list-too-large");
    }
    text += decoder.decode(value, { stream: true });
  }
  return text + decoder.decode();
}

/** Asks a seed once. Rejects with the error that says how it failed. `allows`: may a redirect lead there? */
export async function ask(
  seed: string | SeedFunction,
  { request, parse, fetch = globalThis.fetch }: SocketOptions,
  allows: ((url: Platform.URL) => boolean) | undefined,
  signal: Platform.AbortSignal,
): Promise<Answer> {
  let failure: ErrorCode = "seed-failed";
  try {
    if (typeof seed === "function") {
      return { response: undefined, document: plain(await seed(signal)), at: performance.now() };
    }
    const init = typeof request === "function" ? await request(seed) : request;
    failure = "seed-unreachable";
    const response = await fetch(seed, { cache: "no-cache", ...init, signal });
    const stray = response.redirected && allows && !allows(new URL(response.url));
    if (!response.ok || stray) {
      // Lets go of the connection; how that ends is nobody's concern.
      response.body?.cancel().catch(() => {});
      if (stray) throw new EvenkeelError("seed-redirected", response.url);
      return { response, document: undefined, at: performance.now() };
    }
    const text = await textOf(response);
    failure = parse ? "parse-failed" : "list-not-json";
    const document = parse ? plain(await parse(text, response)) : JSON.parse(text);
    return { response, document, at: performance.now() };
  } catch (error) {
    throw error instanceof EvenkeelError ? error : new EvenkeelError(failure, error);
  }
}
