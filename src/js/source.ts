import type { Answer } from "./core.js";
import { type ErrorCode, EvenkeelError } from "./errors.js";
import type { ServerEntry, ServerList } from "./list.js";
import type { SocketOptions } from "./options.js";
import type * as Platform from "./platform.js";
import { baseUrl, parseUrl } from "./validate.js";
import type { Opinions } from "./view.js";

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

/** One URL or several, parsed; none, where anything else is among them. */
function urlsOf(given: unknown): URL[] {
  const items: readonly unknown[] = Array.isArray(given) ? given : [given];
  return items.every(isUrl) ? items.map(parseUrl) : [];
}

const isSocketUrl = ({ protocol }: URL): boolean => protocol.startsWith("ws");

const entryOf = ({ href }: URL): ServerEntry => ({ url: href });

/** The option `fallback` as a list, if it is given. */
export function parseFallback(given: string | Platform.URL | readonly (string | Platform.URL)[] | undefined): unknown {
  if (given === undefined) return undefined;
  const urls = urlsOf(given);
  if (!urls.length || !urls.every(isSocketUrl)) {
    throw new EvenkeelError("bad-option", "fallback: ws: or wss: URLs expected");
  }
  return urls.map(entryOf);
}

/** Reads the first argument; the exceptions are those of the constructor. */
export function parseSource(source: Source): Plan {
  if (typeof source === "function") return { seeds: [source], bases: [baseUrl()], fixed: undefined };
  let fixed: unknown;
  const urls = urlsOf(source);
  if (urls.length) {
    const seeds = urls.map(({ href }) => href);
    if (!urls.some(isSocketUrl) && seeds.length <= MAX_SEEDS) return { seeds, bases: seeds, fixed };
    if (urls.every(isSocketUrl)) fixed = urls.map(entryOf);
  } else if (typeof source === "object" && (source as unknown[] | null)?.length !== 0) {
    try {
      fixed = plain(source);
    } catch (error) {
      throw new EvenkeelError("bad-source", error);
    }
  }
  if (!fixed) throw new EvenkeelError("bad-source");
  return { seeds: [], bases: [baseUrl()], fixed };
}

/** The option `watch`: where the changes of each seed's list are to be had. */
export function parseWatch(watch: boolean | string | Platform.URL | undefined, seeds: Plan["seeds"]): string[] {
  if (!watch) return [];
  try {
    const [first, ...others] = seeds as string[];
    // No seed, and one that is a function, are no URL.
    return [first, ...others].map((seed) => {
      // Its query is for its sibling as well, and not for whatever else is named.
      const url = new URL(watch === true ? `watch${new URL(seed as string).search}` : watch, seed);
      if (!url.protocol.startsWith("http")) throw url;
      return url.href;
    });
  } catch {
    throw new EvenkeelError("bad-option", "watch: true or an http(s): URL expected, and seeds that have URLs");
  }
}

/**
 * The answer as text, but no more of it than a list may have. `hear` has it taken for a stream of server-sent events: it gets
 * the data of each `list` event, and "" whenever anything arrives.
 */
async function textOf(response: Response, hear?: (data: string) => unknown): Promise<string> {
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
    await hear?.("");
    // Whoever writes a list in one line has it looked through once.
    if (hear && value.includes(10)) {
      const events = text.split(/\r?\n\r?\n/);
      text = events.pop() as string;
      for (const event of events) {
        left = MAX_BYTES;
        const lines = event.split(/\r?\n/);
        if (lines.some((line) => /^event: ?list$/.test(line))) {
          const data = lines.filter((line) => line.startsWith("data:"));
          await hear(data.map((line) => line.replace(/^data: ?/, "")).join("\n"));
        }
      }
    }
  }
  return text + decoder.decode();
}

/**
 * Asks a seed once. Rejects with the error that says how it failed. With `hear` it is a stream that is asked for: each list of it
 * is an answer, none is a sign of life, and in the end it rejects.
 */
export async function ask(
  seed: string | SeedFunction,
  { request, parse, allows, fetch = globalThis.fetch }: Pick<SocketOptions, "request" | "parse" | "fetch"> & Opinions,
  signal: Platform.AbortSignal,
  hear?: (answer?: Answer) => void,
): Promise<Answer> {
  let failure: ErrorCode = "seed-failed";
  try {
    if (typeof seed === "function") {
      return { response: undefined, document: plain(await seed(signal)), at: performance.now() };
    }
    const init = typeof request === "function" ? await request(seed) : request;
    failure = "seed-unreachable";
    // A stream that a cache were to keep would keep others of the same URL waiting.
    const response = await fetch(seed, { cache: hear ? "no-store" : "no-cache", ...init, signal });
    const stray = response.redirected && allows && !allows(new URL(response.url));
    if (!response.ok || stray) {
      // Lets go of the connection; how that ends is nobody's concern.
      response.body?.cancel().catch(() => {});
      if (stray) throw new EvenkeelError("seed-redirected", response.url);
      return { response, document: undefined, at: performance.now() };
    }
    const read = async (text: string): Promise<Answer> => {
      failure = parse ? "parse-failed" : "list-not-json";
      const document = parse ? plain(await parse(text, response)) : JSON.parse(text);
      failure = "stream-ended";
      return { response, document, at: performance.now() };
    };
    if (hear) failure = "stream-ended";
    const text = await textOf(response, hear && (async (data) => hear(data ? await read(data) : undefined)));
    if (hear) throw new EvenkeelError(failure);
    return await read(text);
  } catch (error) {
    throw error instanceof EvenkeelError ? error : new EvenkeelError(failure, error);
  }
}
