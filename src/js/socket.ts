/// <reference lib="esnext.disposable" preserve="true" />

import { ListCache } from "./cache.js";
import type { Answer, Cached, Closure, Driven, Drives, Ending, Face, Settings } from "./core.js";
import { ABNORMAL, type Driver } from "./driver.js";
import { asError, EvenkeelError, report } from "./errors.js";
import {
  type BalancedWebSocketEventMap,
  makeCloseEvent,
  makeEvent,
  makeMessageEvent,
  type SocketState,
  states,
} from "./events.js";
import type { Server, ServerStatus } from "./list.js";
import { type BalancedWebSocketOptions, type Sendable, type SocketOptions, socketOptions } from "./options.js";
import type * as Platform from "./platform.js";
import { type Message, Queue, toMessage } from "./queue.js";
import {
  ask,
  type ListDocument,
  parseFallback,
  parseSource,
  parseWatch,
  plain,
  type SeedFunction,
  type Source,
} from "./source.js";
import { allowing, baseUrl, parseClose, parseProtocols, parseUrl } from "./validate.js";

// By number, as the core has them; the others need no name here.
const IDLE = 0;
const CONNECTING = 1;
const OPEN = 2;
const MIGRATING = 4;
const CLOSING = 6;
const CLOSED = 7;

/** A function of the application's, if there is one, that must not throw: what it throws is reported, and this its answer then. */
function guarded<F extends ((...given: never[]) => unknown) | undefined>(
  call: F,
  otherwise: ReturnType<NonNullable<F>>,
): F {
  // What fails for every entry of a list is told of once.
  let told = false;
  const guard = (...given: never[]): unknown => {
    try {
      return call?.(...given);
    } catch (error) {
      if (!told) report(error);
      told = true;
      queueMicrotask(() => {
        told = false;
      });
      return otherwise;
    }
  };
  return call && (guard as F);
}

/** An event handler attribute, as a listener that keeps its place when the handler is replaced. */
interface Handler extends EventListenerObject {
  callback: unknown;
}

/** What a socket is, where it is none that comes back. */
interface Role {
  /** One that keeps a list and a memory for others, and has no connection: whoever wants its driver gets it here. */
  kept?: (driver: Driver) => void;
  /** One that is chosen once, when it was asked for with this URL. */
  requested?: string;
}

/** The options as the driver and a request want them, and the plan. */
type SocketSettings = Settings &
  Omit<SocketOptions, "fallback"> & {
    WebSocket: NonNullable<BalancedWebSocketOptions["WebSocket"]>;
    /** Per seed, where its list is watched. */
    streams: string[];
  };

/** What the socket inherits, typed by the kinds of event that it has. */
export interface SocketTarget extends Platform.EventTarget {
  /** Closes the socket, at the end of a `using` block; there where the platform has the symbol. */
  [Symbol.dispose](): void;
  addEventListener<K extends keyof BalancedWebSocketEventMap>(
    type: K,
    listener: (this: this, event: BalancedWebSocketEventMap[K]) => unknown,
    options?: Platform.AddListenerOptions,
  ): void;
  addEventListener(type: string, listener: Platform.Listener, options?: Platform.AddListenerOptions): void;
  removeEventListener<K extends keyof BalancedWebSocketEventMap>(
    type: K,
    listener: (this: this, event: BalancedWebSocketEventMap[K]) => unknown,
    options?: Platform.RemoveListenerOptions,
  ): void;
  removeEventListener(type: string, listener: Platform.Listener, options?: Platform.RemoveListenerOptions): void;
}

/** What both entries' `BalancedWebSocket` is: the entry adds how the wasm is had. */
export class Socket extends (EventTarget as new () => SocketTarget) implements Platform.WebSocket {
  declare static readonly CONNECTING: 0;
  declare static readonly OPEN: 1;
  declare static readonly CLOSING: 2;
  declare static readonly CLOSED: 3;
  declare readonly CONNECTING: 0;
  declare readonly OPEN: 1;
  declare readonly CLOSING: 2;
  declare readonly CLOSED: 3;

  static {
    const define = Object.defineProperty;
    const { prototype } = Socket;
    // As the platform's classes are: what there is shows in `for … in`, and says that it is a WebSocket.
    for (const name of Object.getOwnPropertyNames(prototype)) {
      if (name !== "constructor") define(prototype, name, { enumerable: true });
    }
    define(prototype, Symbol.toStringTag, { value: "WebSocket", configurable: true });
    for (const target of [Socket, prototype]) {
      ["CONNECTING", "OPEN", "CLOSING", "CLOSED"].forEach((name, value) => {
        define(target, name, { value, enumerable: true });
      });
    }
    if (Symbol.dispose) {
      prototype[Symbol.dispose] = function (): void {
        this.close();
      };
    }
  }

  readonly #load: () => Promise<Driven>;
  readonly #role: Role;
  readonly #protocols: string[];
  readonly #settings: SocketSettings;
  readonly #queue: Queue;
  readonly #handlers: Record<string, Handler> = {};
  readonly #abort = (): void => this.close();

  #driver: Drives | undefined;
  /** The state while there is no driver, before it and after it. */
  #early = IDLE;
  /** The last state that listeners were told. */
  #shown = IDLE;
  /** What is left of the driver after the end. */
  #remains: { servers: ServerStatus[]; snapshot: object } = { servers: [], snapshot: {} };

  /** The first request, under way before there is a driver to ask for it. */
  #first: Promise<Answer> | undefined;
  readonly #firstAbort = new AbortController();

  readonly #cache: ListCache | undefined;
  /** The list that the application gave before there was a driver to take it. */
  #earlyList: ListDocument | undefined;

  /** The connection that stands. */
  #live: WebSocket | undefined;
  /** The one before, on which something may still be under way. */
  #before: WebSocket | undefined;
  /** Bytes given to the connection since something last arrived on it. */
  #handedOver = 0;
  #url = "";
  #protocol = "";
  #extensions = "";
  #server: Server | null = null;
  #binaryType: BinaryType = "blob";
  /** How an attempt or a connection ended that its own listeners closed: the end that follows is told with it. */
  #ending: Partial<Ending> | undefined;
  /** Bytes that will never be sent, which the standard goes on counting. */
  #unsent = 0;

  constructor(
    load: () => Promise<Driven>,
    source: Source,
    protocols?: string | readonly string[],
    options?: BalancedWebSocketOptions,
    role: Role = {},
  ) {
    super();
    this.#load = load;
    this.#role = role;
    this.#protocols = parseProtocols(protocols);
    const plan = parseSource(source);
    const given = socketOptions(options);
    const { autoConnect, signal, allow, rank, cache, fallback, WebSocket = globalThis.WebSocket } = given;
    this.#queue = new Queue(given);
    this.#settings = {
      ...given,
      ...plan,
      WebSocket: WebSocket as SocketSettings["WebSocket"],
      fallback: parseFallback(fallback),
      streams: parseWatch(given.watch, plan.seeds),
      allows: guarded(allowing(allow), false),
      rank: guarded(rank, NaN),
      keeps: !!role.kept,
    };
    const { seeds } = plan;
    const key = cache ?? (seeds.every((seed) => typeof seed === "string") && `evenkeel ${seeds.join(" ")}`);
    if (seeds.length && key !== false) this.#cache = new ListCache(key);
    if (!WebSocket && !role.kept) throw new EvenkeelError("no-websocket");
    signal?.addEventListener("abort", this.#abort);
    if (signal?.aborted) this.close();
    else if (autoConnect) this.connect();
  }

  /** The URL of the chosen server; before the first choice that of the request, "" where there is none. */
  get url(): string {
    return this.#url || (this.#role.requested ?? "");
  }

  get protocol(): string {
    return this.#protocol;
  }

  get extensions(): string {
    return this.#extensions;
  }

  get readyState(): 0 | 1 | 2 | 3 {
    const state = this.#state;
    return state >= CLOSING ? ((state - 4) as 2 | 3) : state === OPEN || state === MIGRATING ? 1 : 0;
  }

  /** Bytes handed to `send` that have not been handed to the network: the queue's and the browser's. */
  get bufferedAmount(): number {
    const before = this.#before && this.#before.readyState < 3 ? this.#before.bufferedAmount : 0;
    return this.#queue.bytes + (this.#live?.bufferedAmount ?? 0) + before + this.#unsent;
  }

  get binaryType(): Platform.BinaryType {
    return this.#binaryType;
  }

  set binaryType(type: Platform.BinaryType) {
    const live = this.#live;
    // Whatever it is, it is a text first.
    const name = `${type}` as const;
    if (name !== "blob" && name !== "arraybuffer") return;
    this.#binaryType = name;
    if (live) live.binaryType = name;
  }

  get onopen(): ((this: Platform.WebSocket, event: Platform.Event) => unknown) | null {
    return this.#handler("open");
  }

  set onopen(callback) {
    this.#handle("open", callback);
  }

  get onmessage(): ((this: Platform.WebSocket, event: Platform.MessageEvent) => unknown) | null {
    return this.#handler("message");
  }

  set onmessage(callback) {
    this.#handle("message", callback);
  }

  get onerror(): ((this: Platform.WebSocket, event: Platform.Event) => unknown) | null {
    return this.#handler("error");
  }

  set onerror(callback) {
    this.#handle("error", callback);
  }

  get onclose(): ((this: Platform.WebSocket, event: Platform.CloseEvent) => unknown) | null {
    return this.#handler("close");
  }

  set onclose(callback) {
    this.#handle("close", callback);
  }

  /** What the socket is doing. */
  get state(): SocketState {
    return states[this.#state] as SocketState;
  }

  /** The server chosen, of the connection or of the attempt under way; null when there is neither. */
  get server(): Server | null {
    return this.#server;
  }

  /** The list as this client sees it now, in its order; empty while there is none. */
  get servers(): ServerStatus[] {
    return this.#driver?.servers() ?? this.#remains.servers;
  }

  /** Everything a bug report needs, as plain JSON; also after the end. */
  snapshot(): Record<string, unknown> {
    return {
      ...(this.#driver?.snapshot() ?? this.#remains.snapshot),
      state: this.state,
      url: this.url,
      protocol: this.protocol,
      bufferedAmount: this.bufferedAmount,
      queued: this.#queue.length,
    };
  }

  /** Starts what `autoConnect: false` held back; otherwise does nothing. */
  connect(): void {
    // The driver, too, is idle for a moment.
    if (this.#early !== IDLE) return;
    this.#early = CONNECTING;
    const [seed] = this.#settings.seeds;
    if (seed) {
      this.#first = this.#ask(seed, this.#firstAbort.signal);
      // Looked at when the driver asks; until then a rejection is not yet unhandled.
      this.#first.catch(() => {});
    }
    this.#changed();
    Promise.all([this.#load(), this.#cache?.read()])
      .then(([parts, cached]) => this.#start(parts, cached))
      .catch((error) => this.#fail(asError(error)));
  }

  /** Drops the connection, or ends the wait for one, and chooses anew at once. Does nothing once closing. */
  reconnect(): void {
    if (this.#state < CLOSING) this.#driver?.reconnect();
    this.connect();
  }

  /** Moves to another server, without a gap: nothing happens where there is none, or no connection. */
  migrate(): void {
    this.#driver?.migrate();
  }

  /** Fetches the list now; a `list` event tells of it. Nothing happens where there is no seed. */
  refresh(): void {
    this.#driver?.refresh();
  }

  /**
   * Brings a list into force that the application has, from a message of its server for instance. Throws an `EvenkeelError`
   * and keeps the last one if it cannot be used; one that was taken earlier than the one in force is ignored. As long as the
   * WebAssembly is loading, it waits, and what is wrong with it is reported as an uncaught error.
   */
  update(list: ListDocument): void {
    if (this.#state >= CLOSING) return;
    try {
      const document = plain(list) as ListDocument;
      if (this.#driver) this.#driver.update(document, this.#settings.bases[0] ?? baseUrl());
      else this.#earlyList = document;
    } catch (error) {
      throw asError(error, "list-invalid");
    }
  }

  send(data: Sendable): void {
    // biome-ignore lint/complexity/noArguments: an argument that is undefined is sent, one that is missing is not
    if (!arguments.length) throw new TypeError("send() takes a message");
    const socket = this.#open;
    if (socket) {
      this.#handOver(socket, data);
      return;
    }
    const [message, bytes] = toMessage(data);
    if (this.#role.requested && this.readyState === 0) {
      throw new DOMException("The connection is not open yet", "InvalidStateError");
    }
    // Of one that does not come back, a connection that is closing unnoticed is the end.
    if (this.#state >= CLOSING || (this.#role.requested && this.#live && this.#live.readyState > 1)) {
      this.#unsent += bytes;
      this.#drop([message], "closed");
    } else {
      this.#drop(this.#queue.push(message, bytes), "overflow");
    }
  }

  // Both are optional, so that `close.length` is 0.
  close(code: number | undefined = undefined, reason?: string): void {
    const ended = this.#state >= CLOSING;
    const checked = parseClose(code, reason);
    if (ended) return;
    if (this.#driver) {
      this.#driver.close(...checked);
    } else {
      this.#early = CLOSING;
      // As the standard has it for a connection that does not stand: an error, and none of it before we return.
      setTimeout(() => this.#fail());
    }
    this.#changed();
    this.#dropQueue();
  }

  get #state(): number {
    return this.#driver?.state() ?? this.#early;
  }

  /** The connection, if a message can be given to it now. One that is closing unnoticed would lose it. */
  get #open(): WebSocket | undefined {
    const socket = this.#live;
    return socket?.readyState === 1 && this.readyState === 1 ? socket : undefined;
  }

  #start({ Driver }: Driven, cached: Cached | undefined): void {
    if (this.#early !== CONNECTING) return;
    const { kept } = this.#role;
    const driver = new Driver(this.#face(), { ...this.#settings, cached });
    this.#driver = driver;
    driver.start();
    kept?.(driver as Driver);
    if (this.#earlyList) {
      try {
        this.update(this.#earlyList);
      } catch (error) {
        report(error);
      }
    }
  }

  /** The end of a socket without a driver, or with one that broke. */
  #fail(error?: EvenkeelError): void {
    if (this.#early === CLOSED) return;
    const driver = this.#driver;
    this.#driver = undefined;
    this.#early = CLOSED;
    try {
      driver?.free();
    } catch (broken) {
      report(broken);
    }
    this.#changed();
    this.#end({ ...ABNORMAL, final: true, error });
  }

  #face(): Face {
    const { url, protocols, prepare, heartbeat } = this.#settings;
    const shouldReconnect = guarded(this.#settings.shouldReconnect, undefined);
    const { message, reply } = heartbeat ?? {};
    const isReply = typeof reply === "function" ? guarded(reply, false) : (data: unknown) => data === reply;
    return {
      ask: (index, request, signal, watches) => {
        const { seeds, streams } = this.#settings;
        const hear = (answer?: Answer): void => this.#driver?.answered(request, answer);
        const first = index || watches ? undefined : this.#first;
        if (first) {
          this.#first = undefined;
          signal.addEventListener("abort", () => this.#firstAbort.abort());
        }
        (first ?? this.#ask((watches ? streams : seeds)[index] as string, signal, watches ? hear : undefined)).then(
          hear,
          (error) => this.#driver?.unanswered(request, error),
        );
      },
      credentials:
        (url || protocols) &&
        (async (server) => {
          try {
            const [address, names] = await Promise.all([url?.(server), protocols?.(server)]);
            // Else the browser would refuse what is no URL or no protocol, and the server would seem to have.
            return {
              url: address === undefined ? server.url : parseUrl(address).href.replace(/^http/, "ws"),
              protocols: names === undefined ? this.#protocols : parseProtocols(names),
            };
          } catch (error) {
            throw this.#note(new EvenkeelError("credentials-failed", error));
          }
        }),
      chose: (url, server) => this.#choose(url, server),
      dial: (url, protocols = this.#protocols, server, beside) => {
        // The choice shows at once, unless there is something that goes on meanwhile.
        if (!beside) this.#choose(url, server);
        try {
          const socket = new this.#settings.WebSocket(url, protocols) as WebSocket;
          socket.binaryType = this.#binaryType;
          return socket;
        } catch (error) {
          throw new EvenkeelError("socket-failed", error);
        }
      },
      prepare: async (socket, server) => {
        try {
          await prepare?.(socket, server);
        } catch (error) {
          throw this.#note(new EvenkeelError("prepare-failed", error));
        }
      },
      // For the core it must be a boolean, whatever the application returns.
      verdict: (event, final) => !!((this.#state < CLOSING ? shouldReconnect?.(event) : undefined) ?? !final),
      changed: () => this.#changed(),
      opened: (socket, server) => {
        this.#use(socket, server);
        this.#fire(new Event("open"));
        this.#flush(socket);
      },
      migrated: (socket, to, reason) => {
        const [from, handedOver] = [this.#server, this.#handedOver];
        this.#before = this.#live;
        this.#use(socket, to);
        this.#flush(socket);
        this.#fire(makeEvent("migrate", { from, to, reason, handedOver }));
      },
      message: (event) => {
        if (this.#handedOver && event.target === this.#live) this.#handedOver = 0;
        const { data, origin } = event;
        if (reply === undefined || !isReply(data)) this.dispatchEvent(makeMessageEvent(data, origin));
      },
      beat: guarded((socket: Platform.WebSocket): boolean => {
        socket.send(typeof message === "function" ? message() : (message as string));
        return true;
      }, false),
      closed: (closure) => this.#end(closure),
      remember: (list) => this.#cache?.write(list),
      emit: (type, detail) => this.#fire(makeEvent(type, detail)),
    };
  }

  async #ask(seed: string | SeedFunction, signal: AbortSignal, hear?: (answer?: Answer) => void): Promise<Answer> {
    try {
      return await ask(seed, this.#settings, signal, hear);
    } catch (error) {
      // Of what we have given up ourselves there is nothing to log.
      throw signal.aborted ? error : this.#note(error as EvenkeelError);
    }
  }

  #choose(url: string, server: Server): void {
    this.#url = url;
    this.#server = server;
  }

  /** From now on this is the connection. */
  #use(socket: WebSocket, server: Server): void {
    this.#live = socket;
    this.#handedOver = 0;
    socket.binaryType = this.#binaryType;
    this.#url = socket.url;
    this.#protocol = socket.protocol;
    this.#extensions = socket.extensions;
    this.#server = server;
  }

  /** Gives a message to the browser, and counts its bytes as the browser does. */
  #handOver(socket: WebSocket, message: Sendable): void {
    const before = socket.bufferedAmount;
    socket.send(message as string);
    this.#handedOver += socket.bufferedAmount - before;
  }

  /** Sends what has waited, in order, as long as this connection takes it. */
  #flush(socket: WebSocket): void {
    while (this.#queue.length && this.#open === socket) {
      const message = this.#queue.shift() as Message;
      try {
        this.#handOver(socket, message);
      } catch (error) {
        report(error);
        this.#drop([message], "closed");
      }
    }
  }

  /** The end of a connection or of an attempt; of the socket, where it is final. */
  #end(closure: Closure): void {
    const { errored, final, moved = false, error, ...closing } = { ...closure, ...this.#ending };
    const live = this.#live;
    const handedOver = this.#handedOver;
    this.#live = undefined;
    this.#before = moved ? live : undefined;
    this.#handedOver = 0;
    if (final) {
      this.#early = CLOSED;
      this.#unsent += live?.bufferedAmount ?? 0;
      this.#firstAbort.abort();
      this.#settings.signal?.removeEventListener("abort", this.#abort);
      // Later, since it is the driver that is calling.
      setTimeout(() => this.#free());
      this.#dropQueue();
    }
    if (errored) this.#fire(makeEvent("error", error ? { error } : undefined));
    if (!final && !moved && this.#state >= CLOSING) {
      this.#ending = { ...closing, errored: false };
      this.#handedOver = handedOver;
      return;
    }
    this.#fire(makeCloseEvent(closing, { moved, handedOver }));
    if (!moved) this.#server = null;
  }

  #free(): void {
    const driver = this.#driver;
    if (!driver) return;
    this.#remains = { servers: driver.servers(), snapshot: driver.snapshot() };
    this.#driver = undefined;
    driver.free();
  }

  #changed(): void {
    const state = this.#state;
    if (state === this.#shown) return;
    this.#shown = state;
    this.#fire(makeEvent("statechange", { state: states[state] }));
  }

  #dropQueue(): void {
    this.#unsent += this.#queue.bytes;
    this.#drop(this.#queue.clear(), "closed");
  }

  #drop(messages: Message[], reason: "overflow" | "closed"): void {
    if (messages.length) this.#fire(makeEvent("drop", { messages, reason }));
  }

  #fire(event: Event): void {
    this.#log(event.type, event);
    this.dispatchEvent(event);
  }

  /** Logs an error that no event may tell of. */
  #note(error: EvenkeelError): EvenkeelError {
    this.#log(error.code, error);
    return error;
  }

  #log(kind: string, detail: Event | EvenkeelError): void {
    try {
      this.#settings.log?.(kind, detail);
    } catch (error) {
      report(error);
    }
  }

  // biome-ignore lint/suspicious/noExplicitAny: each attribute gives its own type
  #handler(type: string): any {
    return this.#handlers[type]?.callback ?? null;
  }

  #handle(type: string, callback: unknown): void {
    const handler = this.#handlers[type];
    // As the standard: what is no object is no handler, and what is an object but no function is never called.
    if (callback !== Object(callback)) {
      if (handler) this.removeEventListener(type, handler);
      delete this.#handlers[type];
    } else if (handler) {
      handler.callback = callback;
    } else {
      const added: Handler = {
        callback,
        handleEvent: (event) => {
          if (typeof added.callback === "function") added.callback.call(this, event);
        },
      };
      this.#handlers[type] = added;
      this.addEventListener(type, added);
    }
  }
}
