// The driver: carries out what the core decides, with the platform's sockets, requests and timers, and decides nothing.
import { Clock } from "./clock.js";
import type { Answer, Cached, Ending, Face, Settings } from "./core.js";
import { EvenkeelError, report } from "./errors.js";
import type { Server, ServerStatus } from "./list.js";
import { type PageNews, watchPage } from "./page.js";
import type * as Platform from "./platform.js";
import { type Arrival, CACHED, FALLBACK, GIVEN, orNull, View } from "./view.js";

/** The core's export: numbers in, numbers out, as `src/web/core.rs` describes them. */
export interface Wasm {
  take(
    now: number,
    from: number,
    length: number,
    numbers: Float64Array,
    text: string,
    age: number,
    maxAge: number,
    received: number,
  ): boolean | undefined;
  listFailed(now: number, request: number, status: number, retryAfter: number): void;
  tell(now: number, what: number, attempt: number): void;
  heard(attempt: number, at: number): void;
  asks(attempt: number): boolean;
  closed(now: number, attempt: number, code: number, reconnect: boolean): void;
  want(now: number, affinity?: string): number;
  poll(now: number): Float64Array | undefined;
  timeout(): number;
  state(): number;
  assess(now: number, lost: Float64Array | undefined, failures: number): void;
  draw(): Float64Array | undefined;
  servers(now: number, decided: boolean): Float64Array;
  id(server: number): string | undefined;
  url(server: number): string | undefined;
  summary(): Float64Array;
  status(now: number): Float64Array;
  find(id: string): number;
  reportFailure(now: number, server: number, kind: number): boolean;
  reportSuccess(): void;
  free(): void;
}

/** The same as a class. */
export interface WasmClass {
  new (randomSeed: number, seeds: number, settings: Float64Array, flags: number, affinity?: string): Wasm;
  isFinal(code: number): boolean;
  words(): string;
}

/** What the core can be told by a number alone. */
const START = 0;
export const DIALED = 1;
export const NO_CREDENTIALS = 2;
export const OPENED = 3;
const PREPARED = 4;
const UNPREPARED = 5;
const CLOSE = 6;
const RECONNECT = 7;
const MIGRATE = 8;
const REFRESH = 9;
const NOT_ASKED = 13;
export const LEAVE = 14;
const HEARD = 15;
const NEWS: Record<string, number> = { offline: 10, online: 11, wake: 12, hidden: 16, look: 17 };

// States, as far as they matter here.
const CONNECTING = 1;
const OPEN = 2;
const RECONNECTING = 3;
const MIGRATING = 4;
const CLOSING = 6;

/** What the core says: its kind, then what it needs. */
type Command = [kind: number, id: number, number, number];

/** An answer that has waited for so long, in seconds, is older by that. */
const LATE = 1;

/** Whichever attempt it is. */
const ANY = -1;

/** The longest delay that `setTimeout` takes for what it is; a longer wait is slept in parts. */
const LONGEST_TIMER = 2_147_483_647;

/** How a connection ends that is given up without a closing handshake. */
export const ABNORMAL: Ending = { code: 1006, reason: "", wasClean: false, errored: true };

/** The seed of a core's draws, where none is given: from the platform's cryptographic source. */
export const randomSeed = (): number => Number(crypto.getRandomValues(new BigUint64Array(1))[0]);

/** Hears nothing: where sockets are emitters (`ws`), an error that nobody listens to is thrown. */
const deaf = (): void => {};

/** Of this socket nothing is heard any more. */
export function letGo(socket: Platform.WebSocket): void {
  socket.onopen = socket.onmessage = socket.onclose = null;
  socket.onerror = deaf;
  endSocket(socket);
}

/** A socket of the application's may throw; its end is then waited for, or not, as if it had not. */
export function endSocket(socket: Platform.WebSocket, ...farewell: [code?: number, reason?: string]): void {
  try {
    socket.close(...farewell);
  } catch {
    // What follows does not depend on it: a closing handshake has a timeout, and the others are let go of.
  }
}

/** An attempt, and the connection that comes of it. */
interface Link {
  attempt: number;
  server: Server;
  /** Not there while the application looks for credentials. */
  socket?: WebSocket;
  /** `error` comes before `close`: also where an attempt fails and the browser (Firefox) fires none. */
  errored: boolean;
  /** Do its events have the time of this clock? Those of emitters have none, or another; and to ask the clock takes longer. */
  stamped?: boolean;
  /** When something arrived last, and as the core was last told. */
  heard: number;
  told: number;
}

/** A request to a seed. */
interface Asked {
  seed: number;
  abort: AbortController;
  /** For a stream: its end is the core's to say. */
  watches: boolean;
}

/** A connection that is chosen once, as the driver sees it that chooses for it. */
export interface Wanted {
  attempt: number;
  /** Where its clients meet, if that is another key's place than the configured one. */
  affinity: string | undefined;
  chosen(server: Server): void;
  abandon(): void;
  over(): void;
}

/** One connection that chooses its own server, from its start to its end; or the list and the memory of any number that are chosen once. */
export class Driver {
  readonly #Wasm: WasmClass;
  readonly #core: Wasm;
  readonly #view: View;
  readonly #face: Face;
  readonly #settings: Settings;
  readonly #clock = new Clock();
  readonly #links = new Map<number, Link>();
  readonly #requests = new Map<number, Asked>();
  /** Connections that are chosen once. */
  readonly #wanted = new Map<number, Wanted>();
  #unwatch: (() => void) | undefined;
  /** How an attempt or (`present`) the connection ended, until the application has been told. */
  #closing: { attempt: number; closure: Ending; present?: boolean } | undefined;
  /** What the application gave to `close()`. */
  #farewell: [code?: number, reason?: string] = [];
  /** How the last request failed, where more is known of it than the core says: an HTTP error in words, or what was thrown. */
  #seedError: EvenkeelError | string | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #wakeAt = Infinity;
  /** Commands are being carried out further up the stack: what comes in meanwhile leaves the rest to it. */
  #pumping = false;
  /** Attempts have come or gone: another one may be the one that shows. */
  #linksChanged = false;
  /** The page is being put to sleep: what ends now has not been ended by its server. */
  #asleep = false;

  /** Idle. */
  constructor(Wasm: WasmClass, face: Face, settings: Settings) {
    const { prepare, hedge, failback, rebalance = prepare, heartbeat, watch } = settings;
    this.#Wasm = Wasm;
    this.#face = face;
    this.#settings = settings;
    this.#core = new Wasm(
      settings.randomSeed ?? randomSeed(),
      settings.seeds.length,
      // What is undefined becomes NaN.
      Float64Array.from([
        settings.seedTimeout,
        settings.refreshInterval || Infinity,
        face.credentials || settings.keeps ? settings.credentialTimeout : NaN,
        settings.connectTimeout,
        settings.minUptime,
        settings.closeTimeout,
        heartbeat?.interval,
        heartbeat?.timeout,
        settings.silenceTimeout,
        settings.linger,
      ] as number[]),
      [
        prepare,
        hedge,
        failback,
        rebalance,
        // This one delays attempts after failures.
        globalThis.navigator?.userAgent?.includes("Firefox/"),
        // Browsers refuse `ws:` to other machines there.
        globalThis.origin?.startsWith("https:"),
        watch,
      ].reduce<number>((bits, flag, bit) => bits | (+!!flag << bit), 0),
      settings.affinity,
    );
    this.#view = new View(this.#core, Wasm.words(), settings);
  }

  /** One that cannot be used is told of: a seed may do without it. */
  #fallBack(document: unknown): void {
    try {
      this.#view.take(this.#clock.now(), FALLBACK, { document, base: undefined });
    } catch (error) {
      if ((error as EvenkeelError).code !== "list-empty") throw error;
      report(error);
    }
  }

  /** Throws an error if a fixed list, or the fallback, is given and cannot be used: it is to be freed then. */
  start(): void {
    const { bases, fixed, fallback, cached, keeps } = this.#settings;
    // It may be large, and be outlived by long.
    this.#settings.cached = undefined;
    if (fallback) this.#fallBack(fallback);
    if (fixed !== undefined) this.#take(GIVEN, { document: fixed, base: bases[0] });
    else if (cached) this.#recall(cached);
    // Whoever hears of the list may have closed.
    if (this.#core.state() >= CLOSING) return;
    this.#unwatch = watchPage((news) => this.#hear(news));
    if (keeps) this.#pump();
    else this.tell(START);
  }

  /** A connection that is chosen once, by this one's list and memory. */
  want(wanted: Wanted): void {
    wanted.attempt = this.#core.want(this.#clock.now(), wanted.affinity);
    this.#wanted.set(wanted.attempt, wanted);
    this.#pump();
  }

  /** What happened, by its number; to this attempt, where it is about one. */
  tell(what: number, attempt = 0): void {
    const now = this.#clock.now();
    this.#core.tell(now, what, attempt);
    // At the same moment, so that the end of what is closed comes in a later task, however long this one takes.
    this.#pump(now);
  }

  ended(attempt: number, code: number): void {
    this.#core.closed(this.#woken(), attempt, code, false);
    this.#pump();
  }

  /** The time, for what has ended: what ends while the page is asleep, its sleep has ended. */
  #woken(): number {
    const now = this.#clock.now();
    if (this.#asleep) this.#core.tell(now, NEWS.wake as number, 0);
    return now;
  }

  /** Closes for good; the arguments are those of `WebSocket.close()`, checked. */
  close(code: number | undefined, reason: string): void {
    this.#farewell = code === undefined ? [] : [code, reason];
    this.tell(CLOSE);
  }

  /** Drops the present connection, attempt or wait, and decides anew. */
  reconnect(): void {
    const state = this.#core.state();
    // Who does this on hearing of the connection's end is told of that end.
    if ((state === OPEN || state === MIGRATING) && !this.#closing?.present) {
      this.#closing = { attempt: ANY, closure: { ...ABNORMAL, code: 1000, wasClean: true, errored: false } };
    }
    this.tell(RECONNECT);
  }

  /** Moves to another server, without a gap. */
  migrate(): void {
    this.tell(MIGRATE);
  }

  /** Asks for the list now. */
  refresh(): void {
    this.tell(REFRESH);
  }

  /** A list of the application's. Throws an error if it cannot be used. */
  update(document: unknown, base: string | undefined): void {
    try {
      this.#take(GIVEN, { document, base });
    } finally {
      this.#pump();
    }
  }

  /** A seed has answered; without an answer, something has arrived in its stream. */
  answered(request: number, answer?: Answer): void {
    const asked = this.#requests.get(request);
    if (!asked) return;
    if (!answer) {
      this.tell(HEARD, request);
      return;
    }
    const { response, document, at } = answer;
    const base = response?.url || this.#settings.bases[asked.seed];
    const header = (name: string): string => response?.headers?.get(name) ?? "";
    if (response && !response.ok) {
      const wish = header("retry-after");
      // A number of seconds, or a date.
      const seconds = /^\d+$/.test(wish) ? +wish : (Date.parse(wish) - Date.now()) / 1000;
      this.#listFailed(request, response.status, `${response.status} from ${base}`, seconds);
    } else {
      const age = Number.parseInt(header("age"), 10);
      const waited = (performance.now() - at) / 1_000;
      const arrival: Arrival = {
        document,
        base,
        // What was asked for before the wasm was there may have waited for it.
        age: waited > LATE ? (age || 0) + waited : age,
        maxAge: Number(/(?:^|[\s,])max-age=(\d+)/i.exec(header("cache-control"))?.[1]),
      };
      try {
        this.#take(request, arrival, asked.seed);
      } catch (error) {
        this.#listFailed(request, 200, error as EvenkeelError);
      }
    }
    if (!asked.watches) this.#requests.delete(request);
    this.#pump();
  }

  /** A seed could not be asked, or its answer not be read. */
  unanswered(request: number, error: EvenkeelError): void {
    if (!this.#requests.has(request)) return;
    this.#listFailed(request, /^(list|parse)-/.test(error.code) ? 200 : 0, error);
    this.#requests.delete(request);
    this.#pump();
  }

  /** The position in the list of states. */
  state(): number {
    return this.#core.state();
  }

  servers(): ServerStatus[] {
    const now = this.#clock.now();
    this.#core.assess(now, undefined, NaN);
    return this.#view.statuses(now);
  }

  snapshot(): object {
    this.#tellHeard();
    const [server, openFor, attempts, failures, nextStepIn, heardAgo, move, ...list] = this.#core.status(
      this.#clock.now(),
    );
    const [age, receivedAgo, ttl, fresh] = list;
    return {
      server: this.#core.id(server as number) ?? null,
      openFor: orNull(openFor),
      heardAgo: orNull(heardAgo),
      leaving: this.#view.moves[move as number] ?? null,
      attempts,
      failures,
      nextStepIn: orNull(nextStepIn),
      list: list.length ? { version: this.#view.version ?? null, age, receivedAgo, ttl, fresh: !!fresh } : null,
      servers: this.servers(),
    };
  }

  /** Leaves nothing behind: no socket, no request, no timer, no listener, no memory of the core's. */
  free(): void {
    this.#unwatch?.();
    clearTimeout(this.#timer);
    this.#dropRequests();
    for (const attempt of [...this.#links.keys()]) this.#abandon(attempt);
    this.#core.free();
  }

  #dropRequests(): void {
    const requests = [...this.#requests.values()];
    this.#requests.clear();
    for (const { abort } of requests) abort.abort();
  }

  #hear(news: PageNews): void {
    if (news === "asleep" || news === "wake") this.#asleep = news === "asleep";
    // A request that sleeps holds up, in Chromium, those of every page that is awake. The core asks again when it wakes up.
    if (news === "asleep") this.#dropRequests();
    const what = NEWS[news];
    if (what === undefined) this.#pump();
    else this.tell(what);
  }

  /** What arrived is told when it matters, not for every message. */
  #tellHeard(): void {
    for (const link of this.#links.values()) {
      if (link.heard > link.told) {
        link.told = link.heard;
        this.#core.heard(link.attempt, this.#clock.at(link.heard));
      }
    }
  }

  #pump(now = this.#clock.now()): void {
    if (this.#pumping) return;
    this.#pumping = true;
    try {
      this.#tellHeard();
      for (;;) {
        const command = this.#core.poll(now);
        if (!command) break;
        this.#carryOut(command as unknown as Command);
      }
      // Of two attempts, the second one may go on alone.
      const state = this.#core.state();
      if (this.#linksChanged && (state === CONNECTING || state === RECONNECTING)) this.#showNext();
      this.#linksChanged = false;
      // Of what nobody has asked for, nobody is to be told.
      this.#closing = this.#seedError = undefined;
    } finally {
      this.#pumping = false;
    }
    this.#setTimer();
  }

  #carryOut([kind, id, ...rest]: Command): void {
    const face = this.#face;
    const link = this.#links.get(id);
    const socket = link?.socket;
    if (kind === 0) {
      face.changed();
    } else if (kind === 1) {
      const asked = { seed: rest[0], abort: new AbortController(), watches: !!rest[1] };
      this.#requests.set(id, asked);
      face.ask(asked.seed, id, asked.abort.signal, asked.watches);
    } else if (kind === 2) {
      this.#requests.get(id)?.abort.abort();
      this.#requests.delete(id);
    } else if (kind === 3) {
      this.#connect(id, rest);
    } else if (kind === 6) {
      this.#abandon(id);
    } else if (kind === 7) {
      this.#lost(id, rest);
    } else if (kind === 8) {
      this.#retry(id, rest);
    } else if (kind === 13) {
      face.emit("list", { ...this.#view.resort(id ? FALLBACK : CACHED), seed: null });
    } else if (link && socket) {
      const { server } = link;
      if (kind === 4) face.opened(socket, server);
      else if (kind === 5) endSocket(socket, ...this.#farewell);
      else if (kind === 9) this.#prepare(link, socket);
      else if (kind === 10) face.migrated(socket, server, this.#view.moves[rest[0]] as string);
      // It has been replaced: the application's farewell is not for this one.
      else if (kind === 12) endSocket(socket, 1000);
      // Who could not ask must not take silence for an answer.
      else if (!face.beat(socket)) this.#core.tell(this.#clock.now(), NOT_ASKED, id);
    }
  }

  #retry(delay: number, [reason, attempt]: number[]): void {
    const cause = this.#view.causes[reason as number] as string;
    const known = this.#seedError;
    this.#seedError = undefined;
    const retry: Record<string, unknown> = { delay, cause, attempt };
    if (cause.startsWith("seed-")) {
      const error = typeof known === "object" ? known : new EvenkeelError(cause, known);
      const { code } = error;
      Object.assign(retry, { code, error }, code === "list-empty" && { dropped: this.#view.dropped });
    }
    this.#face.emit("retry", retry);
  }

  #lost(attempt: number, [final, move]: number[]): void {
    const wanted = this.#wanted.get(attempt);
    if (wanted) {
      this.#wanted.delete(attempt);
      wanted.over();
      return;
    }
    const moved = this.#view.moves[move as number];
    let closure = ABNORMAL;
    if (moved) {
      closure = { code: 1012, reason: moved, wasClean: true, errored: false, moved: true };
    } else if (this.#closing?.attempt === attempt || this.#closing?.attempt === ANY) {
      closure = this.#closing.closure;
      this.#closing = undefined;
    }
    this.#face.closed({ ...closure, final: !!final });
    // A move, or the other one of two attempts, may go on as the way back.
    if (!final && !moved) this.#showNext();
  }

  /** Where there is no connection, the first attempt under way is the one that shows. */
  #showNext(): void {
    const [next] = this.#links.values();
    if (next) this.#face.chose(next.socket?.url ?? next.server.url, next.server);
  }

  #connect(attempt: number, [beside, ...numbers]: number[]): void {
    const decision = this.#view.decision(this.#clock.now(), numbers, true);
    const { server } = decision;
    this.#face.emit("decision", decision);
    const wanted = this.#wanted.get(attempt);
    if (wanted) {
      wanted.chosen(server);
      return;
    }
    // A listener may have closed.
    if (this.#core.state() >= CLOSING) return;
    const link: Link = { attempt, server, errored: true, heard: 0, told: 0 };
    this.#links.set(attempt, link);
    const { credentials } = this.#face;
    if (credentials && !beside) this.#face.chose(server.url, server);
    const dial = (url: string, protocols: string[] | undefined): void => this.#dial(link, url, protocols, !!beside);
    if (!credentials) {
      dial(server.url, undefined);
      return;
    }
    credentials(server).then(
      ({ url, protocols }) => {
        if (this.#links.get(attempt) !== link) return;
        this.#core.tell(this.#clock.now(), DIALED, attempt);
        dial(url, protocols);
        this.#pump();
      },
      (error) => this.#failed(link, NO_CREDENTIALS, error),
    );
  }

  #dial(link: Link, url: string, protocols: string[] | undefined, beside: boolean): void {
    const { attempt, server } = link;
    let socket: WebSocket;
    try {
      socket = this.#face.dial(url, protocols, server, beside);
    } catch (error) {
      this.#links.delete(attempt);
      this.#closing = { attempt, closure: { ...ABNORMAL, error } };
      this.#core.closed(this.#clock.now(), attempt, ABNORMAL.code, true);
      return;
    }
    link.socket = socket;
    this.#linksChanged ||= beside;
    socket.onopen = () => {
      link.errored = false;
      this.tell(OPENED, attempt);
    };
    this.#listen(link, socket);
  }

  #listen(link: Link, socket: WebSocket): void {
    const { attempt } = link;
    const face = this.#face;
    // While it is being prepared, what arrives goes to the application alone.
    socket.onmessage = (event) => {
      const { timeStamp } = event;
      link.stamped ??= timeStamp > 0 && timeStamp <= performance.now();
      link.heard = link.stamped ? timeStamp : performance.now();
      face.message(event);
    };
    socket.onerror = () => {
      link.errored = true;
    };
    socket.onclose = (event) => {
      const { code, reason, wasClean } = event;
      this.#abandon(attempt);
      const now = this.#woken();
      const present = this.#core.asks(attempt);
      const closing = { attempt, closure: { code, reason, wasClean, errored: link.errored }, present };
      this.#closing = closing;
      const reconnect = !present || face.verdict(event, this.#Wasm.isFinal(code));
      // The application may have done something that told it already, and is not told twice: that is up to the core.
      this.#closing = closing;
      this.#core.closed(now, attempt, code, reconnect);
      this.#pump();
    };
  }

  #prepare(link: Link, socket: WebSocket): void {
    socket.onmessage = null;
    this.#face.prepare(socket, link.server).then(
      () => {
        if (this.#links.get(link.attempt) !== link) return;
        // The application may have set handlers of its own, and not have heard the end.
        this.#listen(link, socket);
        if (socket.readyState <= 1) this.tell(PREPARED, link.attempt);
        else this.#failed(link, UNPREPARED, undefined);
      },
      (error) => this.#failed(link, UNPREPARED, error),
    );
  }

  /** The application could not do its part in an attempt. */
  #failed(link: Link, what: number, error: unknown): void {
    const { attempt } = link;
    if (this.#links.get(attempt) !== link) return;
    if (what === NO_CREDENTIALS) this.#abandon(attempt);
    this.#closing = { attempt, closure: { ...ABNORMAL, error } };
    this.tell(what, attempt);
  }

  /** Leaves a socket to its end: nothing of it is heard any more. */
  #abandon(attempt: number): void {
    const socket = this.#links.get(attempt)?.socket;
    this.#linksChanged = this.#links.delete(attempt) || this.#linksChanged;
    if (socket) letGo(socket);
    this.#wanted.get(attempt)?.abandon();
  }

  /** Takes in a list, and tells of it if it is in force now. */
  #take(from: number, arrival: Arrival, seed: number | null = null, received?: number): void {
    const list = this.#view.take(this.#clock.now(), from, arrival, received);
    if (!list) return;
    if (from > 0) this.#face.remember(arrival);
    this.#face.emit("list", { ...list, seed });
  }

  /** Takes in the list of an earlier visit, if it can be used: if not, it is as if there were none. */
  #recall({ ago, ...arrival }: Cached): void {
    try {
      this.#take(CACHED, arrival, null, this.#clock.now() - ago);
    } catch {
      // A seed will be asked anyway.
    }
  }

  #listFailed(request: number, status: number, error: EvenkeelError | string, retryAfter = NaN): void {
    this.#seedError = error;
    this.#core.listFailed(this.#clock.now(), request, status, retryAfter);
  }

  #setTimer(): void {
    const at = this.#core.timeout();
    if (at === this.#wakeAt) return;
    this.#wakeAt = at;
    clearTimeout(this.#timer);
    if (at < Infinity) {
      const delay = Math.min(Math.max(Math.ceil(at - this.#clock.now()), 0), LONGEST_TIMER);
      this.#timer = setTimeout(() => {
        this.#wakeAt = Infinity;
        this.#pump();
      }, delay);
    }
  }
}
