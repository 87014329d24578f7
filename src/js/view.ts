import type { Wasm } from "./driver.js";
import { asError, EvenkeelError } from "./errors.js";
import type { Decision, DroppedEntry, ListSummary, Probability, Server, ServerEntry, ServerStatus } from "./list.js";
import type * as Platform from "./platform.js";

/** How many numbers the core gives for each server. */
const COLUMNS = 11;

/** The core has a limit of its own, and says what it left out; there is no need to write out more. */
const MOST_ENTRIES = 10_000;

/** How many values of a document are written out, and how many of each of its entries. */
const HEADER = 5;
const VALUES = 10;

/** An id that is for the core what it is in the document. */
const PLAIN = /^[ -~]+$/;

/** URLs of the usual kind, which the platform's parser would give back as they are: it takes longer than all the rest. */
const ABSOLUTE = /^wss?:\/\/[a-z][a-z\d-]*(\.[a-z][a-z\d-]*)*(:[1-9]\d{3})?\/[\w/-]*$/;

/** What the application has to say about the entries of a list. */
export interface Opinions {
  /** May the client connect there? */
  allows?: ((url: Platform.URL) => boolean) | undefined;
  /** A number that replaces `priority`, or null to leave the server out. */
  rank?: ((server: ServerEntry) => number | null) | undefined;
}

/** Where a list comes from, if not from a seed, which is told by the number of the request. */
export const GIVEN = 0;
export const FALLBACK = -1;
export const CACHED = -2;

/** A document as it arrived: what it is, where its relative URLs lead, and what HTTP said of it (in seconds). */
export interface Arrival {
  document: unknown;
  base: string | undefined;
  age?: number | undefined;
  maxAge?: number | undefined;
}

/**
 * A document written out value by value, as `src/web/wire.rs` reads it: numbers, and one text of all strings; and the ids as
 * they were read. Throws what getters of the application throw.
 */
function flatten(
  list: object,
  few: unknown[],
  base: string | undefined,
  { allows, rank }: Opinions,
): [Float64Array, string, unknown[]] {
  const numbers = new Float64Array(HEADER + VALUES * few.length);
  let at = 0;
  const texts: string[] = [];
  const ids: unknown[] = [];
  const put = (value: unknown): void => {
    if (typeof value === "string") {
      texts.push(value.includes("\0") ? value.replaceAll("\0", "\ufffd") : value);
      numbers[at++] = -4;
    } else if (typeof value === "number" && value >= 0) {
      numbers[at++] = value;
    } else {
      numbers[at++] = value === true ? -3 : value === false ? -2 : value == null ? -1 : -5;
    }
  };
  const { version, age, ttl, retryAfter, heartbeat } = list as Record<string, unknown>;
  [version, age, ttl, retryAfter, heartbeat].forEach(put);
  for (const entry of few) {
    const known = typeof entry === "object" && entry && !Array.isArray(entry);
    const { url, id, available, users, priority, capacity, weight, draining, connectRate } = (
      known ? entry : {}
    ) as Record<string, unknown>;
    if (typeof url === "string" && url) {
      try {
        if (!allows && ABSOLUTE.test(url) && !url.includes("xn--")) {
          put(url);
        } else {
          const parsed = new URL(url, base);
          if (allows?.(parsed) ?? true) put(parsed.href);
          else numbers[at++] = -7;
        }
      } catch {
        numbers[at++] = -5;
      }
    } else {
      numbers[at++] = known ? -1 : -6;
    }
    put(id);
    ids.push(id);
    put(available);
    put(users);
    put(priority);
    put(capacity);
    put(weight);
    put(draining);
    put(connectRate);
    // Where there is no opinion, the entry's own counts; an opinion that is no number is garbage.
    const ranked = rank && known ? rank(entry as ServerEntry) : undefined;
    put(ranked === null ? false : rank && typeof ranked !== "number" ? "" : ranked);
  }
  return [numbers, texts.join("\0"), ids];
}

type Six = [number, number, number, number, number, number];

/** What is kept of a document. */
interface Kept {
  /** The entries as they were written: what the core does not know is the application's. */
  entries: object[];
  /** What each had as its id when it was read: the application may change its entries. */
  ids: unknown[];
  version: unknown;
  dropped: DroppedEntry[];
}

/** A list that is in force now, as its event tells it. */
export type Taken = ListSummary & { ttl: number; age: number | null; version: unknown };

/** The list in force and the core's view of it, as objects. */
export class View {
  readonly #core: Wasm;
  readonly #opinions: Opinions;
  readonly #exclusions: string[];
  readonly #reasons: string[];
  readonly causes: string[];
  readonly #drops: string[];
  readonly moves: string[];
  #inForce: Kept = { entries: [], ids: [], version: undefined, dropped: [] };
  /** What was left out of the last document, usable or not. */
  dropped: DroppedEntry[] = [];
  /** Documents that may be resorted to, by where they come from. */
  readonly #spare: Record<number, Kept> = {};
  #ids: string[] = [];

  constructor(core: Wasm, words: string, opinions: Opinions = {}) {
    this.#core = core;
    this.#opinions = opinions;
    const kinds = words.split(";").map((names) => names.split(",")) as [
      string[],
      string[],
      string[],
      string[],
      string[],
    ];
    [this.#exclusions, this.#reasons, this.causes, this.#drops, this.moves] = kinds;
  }

  get version(): unknown {
    return this.#inForce.version;
  }

  /**
   * Has the core take in a document, and says what became of it: undefined if it is not in force, be it that it was ignored
   * or that it is kept for later. Throws an `EvenkeelError` if it cannot be used.
   */
  take(now: number, from: number, { document, base, age, maxAge }: Arrival, received = NaN): Taken | undefined {
    const kept: Kept = { entries: [], ids: [], version: undefined, dropped: [] };
    let inForce: boolean | undefined;
    try {
      const list = (document ?? {}) as { servers?: unknown; version?: unknown };
      const entries = Array.isArray(document) ? document : list.servers;
      if (!Array.isArray(entries)) throw new EvenkeelError("list-invalid");
      // In an array of our own: the application may go on with its.
      kept.entries = entries.slice(0, MOST_ENTRIES);
      kept.version = list.version;
      // Fallbacks have an address and nothing else that an opinion could go by.
      const opinions = from === FALLBACK ? { ...this.#opinions, rank: undefined } : this.#opinions;
      const [numbers, text, ids] = flatten(list, kept.entries, base || undefined, opinions);
      kept.ids = ids;
      inForce = this.#core.take(now, from, entries.length, numbers, text, age ?? NaN, maxAge ?? NaN, received);
    } catch (thrown) {
      // A trap of the core's, or what getters of the application's threw.
      throw asError(thrown, thrown instanceof WebAssembly.RuntimeError ? undefined : "list-invalid");
    }
    kept.dropped = this.dropped = this.#dropped();
    if (inForce === undefined) {
      throw new EvenkeelError(
        "list-empty",
        kept.dropped.map(({ index, code }) => `entry ${index}: ${code}`).join(", "),
      );
    }
    if (inForce) return this.#use(kept);
    if (from < 0) this.#spare[from] = kept;
    return undefined;
  }

  /** The core has resorted to the document that was kept of this origin. */
  resort(from: number): Taken {
    return this.#use(this.#spare[from] as Kept);
  }

  #use(kept: Kept): Taken {
    this.#inForce = kept;
    this.#ids = [];
    const [servers, ttl, age] = this.#core.summary() as unknown as [number, number, number];
    return { servers, dropped: kept.dropped, ttl, age: orNull(age), version: kept.version };
  }

  #dropped(): DroppedEntry[] {
    const left = this.#core.summary().subarray(3);
    return Array.from({ length: left.length / 2 }, (_, at) => ({
      index: left[2 * at] as number,
      code: this.#drops[left[2 * at + 1] as number] as string,
    }));
  }

  /** Every server, as last assessed: `make` finds its numbers from an offset on. */
  #each<T>(numbers: Float64Array, make: (numbers: Float64Array, from: number, position: number) => T): T[] {
    const all: T[] = [];
    for (let from = 0; from < numbers.length; from += COLUMNS) all.push(make(numbers, from, from / COLUMNS));
    return all;
  }

  #server(numbers: Float64Array, from: number, position: number): Server {
    const [entry, users, capacity, weight, priority, flags] = numbers.subarray(from, from + 6) as unknown as Six;
    return {
      ...this.#inForce.entries[entry],
      id: this.#id(entry, position),
      url: this.#core.url(position) as string,
      available: !!(flags & 1),
      draining: !!(flags & 2),
      users,
      priority,
      capacity,
      weight,
    };
  }

  #probability(numbers: Float64Array, from: number, position: number): Probability {
    const excluded = this.#exclusions[numbers[from + 7] as number];
    const id = this.#id(numbers[from] as number, position);
    const view: Probability = { id, probability: numbers[from + 6] as number };
    if (excluded) view.excluded = excluded;
    return view;
  }

  /** To ask the core for each would take longer than to decide. */
  #id(entry: number, position: number): string {
    const known = this.#ids[position];
    if (known !== undefined) return known;
    const written = this.#inForce.ids[entry];
    const id = typeof written === "string" && PLAIN.test(written) ? written : (this.#core.id(position) as string);
    this.#ids[position] = id;
    return id;
  }

  probabilities(now: number): Probability[] {
    return this.#probabilities(this.#core.servers(now, false));
  }

  #probabilities(numbers: Float64Array): Probability[] {
    return this.#each(numbers, (numbers, from, position) => this.#probability(numbers, from, position));
  }

  statuses(now: number): ServerStatus[] {
    return this.#each(this.#core.servers(now, false), (numbers, from, position) => {
      const server = this.#server(numbers, from, position);
      const [lost, ejectedFor, ejections] = numbers.subarray(from + 8) as unknown as Six;
      return {
        ...server,
        // An entry's own field of this name is not ours.
        excluded: undefined,
        ...this.#probability(numbers, from, position),
        utilisation: (server.users as number) / (server.capacity as number),
        health: { lost: !!lost, ejectedFor, ejections },
      };
    });
  }

  /**
   * The decision in a draw's numbers, explained by the assessment that it was drawn from: the core's own, or the last one
   * that was asked for.
   */
  decision(now: number, [position, group, probability, reason]: Iterable<number>, own: boolean): Decision {
    const at = position as number;
    const numbers = this.#core.servers(now, own);
    return {
      server: this.#server(numbers, at * COLUMNS, at),
      group: group as number,
      probability: probability as number,
      probabilities: this.#probabilities(numbers),
      reason: this.#reasons[reason as number] as string,
    };
  }
}

/** NaN stands for what there is not. */
export const orNull = (number: number | undefined): number | null =>
  number === undefined || Number.isNaN(number) ? null : number;
