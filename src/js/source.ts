import type { Answer } from "./core.js";
import { type ErrorCode, EvenkeelError } from "./errors.js";
import type { ServerEntry, ServerList } from "./list.js";
import type { SocketOptions } from "./options.js";
import { baseUrl, parseUrl } from "./validate.js";

/** A list, or the bare array of its servers. */
export type ListDocument = ServerList | readonly ServerEntry[];

/** A seed that is a function of the application. */
export type SeedFunction = (signal: AbortSignal) => ListDocument | Promise<ListDocument>;

/** Where the servers come from: seed URLs, `ws(s):` URLs, a list, or a function that gives one. */
export type Source = string | URL | readonly (string | URL)[] | ListDocument | SeedFunction;

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
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value) ?? "null");

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

/** Asks a seed once. Rejects with the error that says how it failed. */
export async function ask(
  seed: string | SeedFunction,
  { request, fetch = globalThis.fetch }: SocketOptions,
  signal: AbortSignal,
): Promise<Answer> {
  let failure: ErrorCode = "seed-failed";
  try {
    if (typeof seed === "function") {
      return { response: undefined, document: plain(await seed(signal)) };
    }
    const init = typeof request === "function" ? await request(seed) : request;
    failure = "seed-unreachable";
    const response = await fetch(seed, { cache: "no-cache", ...init, signal });
    if (!response.ok) {
      // Lets go of the connection; how that ends is nobody's concern.
      response.body?.cancel().catch(() => {});
      return { response, document: undefined };
    }
    const reader = response.body?.getReader();
    const decoder = new TextDecoder();
    let text = "";
    for (let left = MAX_BYTES; reader; ) {
      const { done, value } = await reader.read();
      if (done) break;
      left -= value.length;
      if (left < 0) {
        failure = "list-too-large";
        throw await reader.cancel();
      }
      text += decoder.decode(value, { stream: true });
    }
    failure = "list-not-json";
    return { response, document: JSON.parse(text + decoder.decode()) };
  } catch (error) {
    throw new EvenkeelError(failure, error);
  }
}
