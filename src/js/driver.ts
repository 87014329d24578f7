// The driver: carries out what the core decides, with the platform's sockets, requests and timers, and decides nothing.
// It imports nothing but types, so that the tests of the wasm can take it as it ships.
import type { Closure, Face, Settings } from "./core.js";
import type { Decision, DroppedEntry, ListSummary, Probability, Server, ServerStatus } from "./list.js";

/** The core's export: numbers in, numbers out, as `src/web/core.rs` describes them. */
export interface Wasm {
  start(): void;
  take(
    now: number,
    request: number,
    length: number,
    numbers: Float64Array,
    text: string,
    age: number,
    maxAge: number,
  ): boolean;
  listFailed(now: number, request: number, status: number, retryAfter: number): void;
  opened(now: number, attempt: number): void;
  closed(now: number, attempt: number, code: number, reconnect: boolean): void;
  close(now: number): void;
  reconnect(now: number): void;
  poll(now: number): Float64Array | undefined;
  timeout(): number;
  state(): number;
  assess(now: number, lost?: string[], failures?: number): void;
  draw(): Float64Array | undefined;
  servers(now: number): Float64Array;
  id(server: number): string | undefined;
  url(server: number): string | undefined;
  summary(): Float64Array;
  status(now: number): Float64Array;
  reportFailure(now: number, id: string, kind: string): void;
  reportSuccess(id: string): void;
  free(): void;
}

/** The same as a class. */
export interface WasmClass {
  new (
    randomSeed: number,
    seeds: number,
    seedTimeout: number,
    connectTimeout: number,
    minUptime: number,
    closeTimeout: number,
  ): Wasm;
  isFinal(code: number): boolean;
  words(): string;
}

/** The longest delay that `setTimeout` takes for what it is; a longer wait is slept in parts. */
const LONGEST_TIMER = 2_147_483_647;

/** How many numbers the core gives for each server. */
const COLUMNS = 11;

/** How a connection ends that is given up without a closing handshake. */
const ABNORMAL: Closure = { code: 1006, reason: "", wasClean: false, errored: true, final: false };

/** The seed of a core's draws, where none is given: from the platform's cryptographic source. */
export function randomSeed(): number {
  const [high, low] = crypto.getRandomValues(new Uint32Array(2)) as unknown as [number, number];
  return high * 2 ** 32 + low;
}

/** Hears nothing: where sockets are emitters (`ws`), an error that nobody listens to is thrown. */
const deaf = (): void => {};

/** A socket of the application's may throw; its end is then waited for, or not, as if it had not. */
function endSocket(socket: WebSocket, ...farewell: [code?: number, reason?: string]): void {
  try {
    socket.close(...farewell);
  } catch {
    // What follows does not depend on it: a closing handshake has a timeout, and the others are let go of.
  }
}

/** The core has a limit of its own, and says what it left out; there is no need to write out more. */
const MOST_ENTRIES = 10_000;

/** URLs of the usual kind, which the platform's parser would give back as they are: it takes longer than all the rest. */
const ABSOLUTE = /^wss?:\/\/([a-z][a-z0-9-]*\.)*[a-z][a-z0-9-]*(:[1-9]\d{3})?\/[\w/-]*$/;

/**
 * A document written out value by value, as `src/web/wire.rs` reads it: numbers, and one text of all strings. Throws what
 * getters of the application throw.
 */
function flatten(list: object, entries: unknown[], base: string | undefined): [Float64Array, string] {
  const numbers: number[] = [];
  const texts: string[] = [];
  const put = (value: unknown): void => {
    let number = -5;
    if (typeof value === "number") {
      if (value >= 0) number = value;
    } else if (typeof value === "string") {
      number = -4;
      texts.push(value.includes("\0") ? value.replaceAll("\0", "\ufffd") : value);
    } else if (typeof value === "boolean") {
      number = value ? -3 : -2;
    } else if (value == null) {
      number = -1;
    }
    numbers.push(number);
  };
  const { version, age, ttl, retryAfter } = list as Record<string, unknown>;
  [version, age, ttl, retryAfter].forEach(put);
  for (const entry of entries.slice(0, MOST_ENTRIES)) {
    const known = typeof entry === "object" && entry && !Array.isArray(entry);
    const { url, id, available, users, priority, capacity, weight, draining, connectRate } = (
      known ? entry : {}
    ) as Record<string, unknown>;
    if (typeof url === "string" && url) {
      try {
        put(ABSOLUTE.test(url) && !url.includes("xn--") ? url : new URL(url, base).href);
      } catch {
        numbers.push(-5);
      }
    } else {
      numbers.push(known ? -1 : -6);
    }
    put(id);
    put(available);
    put(users);
    put(priority);
    put(capacity);
    put(weight);
    put(draining);
    put(connectRate);
  }
  return [Float64Array.from(numbers), texts.join("\0")];
}

type Six = [number, number, number, number, number, number];

/** The list in force and the core's view of it, as objects. */
export class View {
  readonly #core: Wasm;
  readonly #exclusions: string[];
  readonly #reasons: string[];
  readonly causes: string[];
  readonly #drops: string[];
  /** The entries as they were written: what the core does not know is the application's. */
  #entries: object[] = [];
  #ids: string[] = [];
  version: unknown;
  /** What was left out of the last document, usable or not. */
  dropped: DroppedEntry[] = [];

  constructor(core: Wasm, words: string) {
    this.#core = core;
    const kinds = words.split(";").map((names) => names.split(","));
    [this.#exclusions, this.#reasons, this.causes, this.#drops] = kinds as [string[], string[], string[], string[]];
  }

  /** Has the core take in a document, and says what became of it. Undefined if it was ignored; throws what the core throws. */
  take(
    now: number,
    request: number,
    document: unknown,
    base: string | undefined,
    age = NaN,
    maxAge = NaN,
  ): (ListSummary & { ttl: number; age: number | null; version: unknown }) | undefined {
    const list = (document ?? {}) as { servers?: unknown; version?: unknown };
    const entries = Array.isArray(document) ? document : list.servers;
    if (!Array.isArray(entries)) throw "list-invalid";
    const [numbers, text] = flatten(list, entries, base || undefined);
    this.dropped = [];
    try {
      if (!this.#core.take(now, request, entries.length, numbers, text, age, maxAge)) return undefined;
    } catch (code) {
      this.#readSummary();
      throw code;
    }
    this.#entries = entries;
    this.#ids = [];
    this.version = list.version;
    const [servers, ttl, made] = this.#readSummary();
    return { servers, dropped: this.dropped, ttl, age: orNull(made), version: this.version };
  }

  #readSummary(): [number, number, number] {
    const [servers, ttl, age, ...left] = this.#core.summary() as unknown as [number, number, number, ...number[]];
    for (let at = 0; at < left.length; at += 2) {
      this.dropped.push({ index: left[at] as number, code: this.#drops[left[at + 1] as number] as string });
    }
    return [servers, ttl, age];
  }

  /** Every server, as last assessed: `make` finds its numbers from an offset on. */
  #each<T>(now: number, make: (numbers: Float64Array, from: number, position: number) => T): T[] {
    const numbers = this.#core.servers(now);
    return Array.from({ length: numbers.length / COLUMNS }, (_, position) =>
      make(numbers, position * COLUMNS, position),
    );
  }

  #server(numbers: Float64Array, from: number, position: number): Server {
    const [entry, users, capacity, weight, priority, flags] = numbers.subarray(from, from + 6) as unknown as Six;
    return {
      ...this.#entries[entry],
      id: this.#id(position),
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
    const view: Probability = { id: this.#id(position), probability: numbers[from + 6] as number };
    if (excluded) view.excluded = excluded;
    return view;
  }

  #id(position: number): string {
    this.#ids[position] ??= this.#core.id(position) as string;
    return this.#ids[position];
  }

  probabilities(now: number): Probability[] {
    return this.#each(now, (...row) => this.#probability(...row));
  }

  statuses(now: number): ServerStatus[] {
    return this.#each(now, (numbers, from, position) => {
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

  /** The decision in a draw's numbers, explained by the assessment that it was drawn from. */
  decision(now: number, [position, group, probability, reason]: Iterable<number>): Decision {
    const at = position as number;
    return {
      server: this.#server(this.#core.servers(now), at * COLUMNS, at),
      group: group as number,
      probability: probability as number,
      probabilities: this.probabilities(now),
      reason: this.#reasons[reason as number] as string,
    };
  }
}

const orNull = (number: number | undefined): number | null =>
  number === undefined || Number.isNaN(number) ? null : number;

/** The attempt or connection that there is. */
interface Link {
  attempt: number;
  socket: WebSocket;
  server: Server;
  /** `error` comes before `close`: also where an attempt fails and the browser (Firefox) fires none. */
  errored: boolean;
}

/** One connection, from its start to its end. */
export class Driver {
  readonly #Wasm: WasmClass;
  readonly #core: Wasm;
  readonly #view: View;
  readonly #face: Face;
  readonly #bases: string[];
  #link: Link | undefined;
  /** How the last connection ended, until the application has been told. */
  #closing: Closure | undefined;
  /** What the application gave to `close()`. */
  #farewell: [code?: number, reason?: string] = [];
  #request: AbortController | undefined;
  /** The request made last, the seed it went to, and what was wrong with the answer, if that is known. */
  #asked = 0;
  #seed = 0;
  #seedError: string | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #wakeAt = Infinity;
  /** Commands are being carried out further up the stack: what comes in meanwhile leaves the rest to it. */
  #pumping = false;

  /** Idle. Throws a code if a fixed list is given that cannot be used. */
  constructor(Wasm: WasmClass, face: Face, settings: Settings) {
    const { seeds, bases, fixed, seedTimeout, connectTimeout, minUptime, closeTimeout } = settings;
    this.#Wasm = Wasm;
    this.#face = face;
    this.#bases = bases;
    this.#core = new Wasm(
      settings.randomSeed ?? randomSeed(),
      seeds,
      seedTimeout,
      connectTimeout,
      minUptime,
      closeTimeout,
    );
    this.#view = new View(this.#core, Wasm.words());
    if (fixed !== undefined) this.#take(0, fixed, bases[0]);
  }

  start(): void {
    this.#core.start();
    this.#pump();
  }

  /** Closes for good; the arguments are those of `WebSocket.close()`, checked. */
  close(code: number | undefined, reason: string): void {
    this.#farewell = code === undefined ? [] : [code, reason];
    const now = performance.now();
    this.#core.close(now);
    // At the same moment, so that the end comes in a later task, however long this one takes.
    this.#pump(now);
  }

  /** Drops the present connection, attempt or wait, and decides anew. */
  reconnect(): void {
    // Not if the connection has ended by itself, and the application does not know yet.
    if (this.#core.state() === 2) this.#closing ??= { ...ABNORMAL, code: 1000, wasClean: true, errored: false };
    this.#core.reconnect(performance.now());
    this.#pump();
  }

  /** A seed has answered. */
  answered(request: number, response: Response | undefined, document: unknown): void {
    const header = (name: string): string => response?.headers?.get(name) ?? "";
    if (response && !response.ok) {
      const wish = header("retry-after");
      const { status } = response;
      // A number of seconds, or a date.
      const seconds = /^\d+$/.test(wish) ? +wish : (Date.parse(wish) - Date.now()) / 1000;
      this.#listFailed(request, status, undefined, seconds);
    } else {
      try {
        this.#take(
          request,
          document,
          response?.url || this.#bases[this.#seed],
          Number.parseInt(header("age"), 10),
          Number(/(?:^|[\s,])max-age=(\d+)/i.exec(header("cache-control"))?.[1]),
        );
      } catch (code) {
        this.#listFailed(request, 200, code as string);
      }
    }
    this.#pump();
  }

  /** A seed could not be asked, or its answer not be read. */
  unanswered(request: number, code: string): void {
    this.#listFailed(request, code.startsWith("list-") ? 200 : 0, code);
    this.#pump();
  }

  /** The position in the list of states. */
  state(): number {
    return this.#core.state();
  }

  servers(): ServerStatus[] {
    const now = performance.now();
    this.#core.assess(now);
    return this.#view.statuses(now);
  }

  snapshot(): object {
    const [server, openFor, attempts, failures, nextStepIn, ...list] = this.#core.status(performance.now());
    const [age, receivedAgo, ttl, fresh] = list;
    return {
      server: this.#core.id(server as number) ?? null,
      openFor: orNull(openFor),
      attempts,
      failures,
      nextStepIn: orNull(nextStepIn),
      list: list.length ? { version: this.#view.version ?? null, age, receivedAgo, ttl, fresh: !!fresh } : null,
      servers: this.servers(),
    };
  }

  /** Leaves nothing behind: no socket, no request, no timer, no memory of the core's. */
  free(): void {
    clearTimeout(this.#timer);
    this.#request?.abort();
    this.#abandon();
    this.#core.free();
  }

  #pump(now = performance.now()): void {
    if (this.#pumping) return;
    this.#pumping = true;
    try {
      for (;;) {
        const command = this.#core.poll(now);
        if (!command) break;
        this.#carryOut(command as unknown as [number, number, number, number]);
      }
    } finally {
      this.#pumping = false;
    }
    this.#setTimer();
  }

  #carryOut([kind, id, ...rest]: [number, number, number, number]): void {
    const face = this.#face;
    const link = this.#link;
    if (kind === 0) {
      face.changed();
    } else if (kind === 1) {
      this.#request = new AbortController();
      this.#asked = id;
      this.#seed = rest[0];
      this.#seedError = undefined;
      face.ask(this.#seed, id, this.#request.signal);
    } else if (kind === 2) {
      this.#request?.abort();
    } else if (kind === 3) {
      this.#connect(id, rest);
    } else if (kind === 4) {
      if (link) face.opened(link.socket, link.server);
    } else if (kind === 5) {
      if (link) endSocket(link.socket, ...this.#farewell);
    } else if (kind === 6) {
      this.#abandon();
    } else if (kind === 7) {
      const closing = this.#closing ?? ABNORMAL;
      this.#closing = undefined;
      face.closed({ ...closing, final: !!id });
    } else {
      const [cause, attempt] = rest;
      const name = this.#view.causes[cause] as string;
      const code = name.startsWith("seed-") ? (this.#seedError ?? name) : undefined;
      this.#seedError = undefined;
      const dropped = code === "list-empty" && { dropped: this.#view.dropped };
      face.emit("retry", { delay: id, cause: name, attempt, ...(code && { code }), ...dropped });
    }
  }

  #connect(attempt: number, numbers: number[]): void {
    const now = performance.now();
    const decision = this.#view.decision(now, numbers);
    const { server } = decision;
    this.#face.emit("decision", decision);
    // A listener may have closed.
    if (this.#core.state() >= 6) return;
    let socket: WebSocket;
    try {
      socket = this.#face.dial(server.url, server);
    } catch (cause) {
      this.#closing = { ...ABNORMAL, cause };
      this.#core.closed(now, attempt, ABNORMAL.code, true);
      return;
    }
    const link: Link = { attempt, socket, server, errored: true };
    this.#link = link;
    socket.onopen = () => {
      link.errored = false;
      this.#core.opened(performance.now(), attempt);
      this.#pump();
    };
    socket.onerror = () => {
      link.errored = true;
    };
    socket.onclose = (event) => {
      const { code, reason, wasClean } = event;
      this.#abandon();
      this.#closing = { code, reason, wasClean, errored: link.errored, final: false };
      const reconnect = this.#face.verdict(event, this.#Wasm.isFinal(code));
      this.#core.closed(performance.now(), attempt, code, reconnect);
      this.#pump();
    };
  }

  /** Leaves the socket to its end: nothing of it is heard any more. */
  #abandon(): void {
    const socket = this.#link?.socket;
    this.#link = undefined;
    if (socket) {
      socket.onopen = socket.onmessage = socket.onclose = null;
      socket.onerror = deaf;
      endSocket(socket);
    }
  }

  #take(request: number, document: unknown, base: string | undefined, age?: number, maxAge?: number): void {
    const seed = this.#seed;
    const list = this.#view.take(performance.now(), request, document, base, age, maxAge);
    if (list) this.#face.emit("list", { ...list, seed });
  }

  /** `code`: where it says more than the cause of the retry will. */
  #listFailed(request: number, status: number, code: string | undefined, retryAfter = NaN): void {
    // A request that was given up may fail late, when the next one is under way.
    if (request === this.#asked) this.#seedError = code;
    this.#core.listFailed(performance.now(), request, status, retryAfter);
  }

  #setTimer(): void {
    const at = this.#core.timeout();
    if (at === this.#wakeAt) return;
    this.#wakeAt = at;
    clearTimeout(this.#timer);
    if (at < Infinity) {
      const delay = Math.min(Math.max(Math.ceil(at - performance.now()), 0), LONGEST_TIMER);
      this.#timer = setTimeout(() => {
        this.#wakeAt = Infinity;
        this.#pump();
      }, delay);
    }
  }
}
