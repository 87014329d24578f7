// Connections that are chosen once and really close: the driver of one of them.
import type { Drives, Ending, Face } from "./core.js";
import {
  ABNORMAL,
  DIALED,
  type Driver,
  endSocket,
  LEAVE,
  letGo,
  NO_CREDENTIALS,
  OPENED,
  type Wanted,
} from "./driver.js";
import type { Server, ServerStatus } from "./list.js";

// States, as far as they matter here.
const CONNECTING = 1;
const OPEN = 2;
const CLOSING = 6;
const CLOSED = 7;

/** One connection, chosen once: `keeper` decides, by a list and a memory that it has for all of them. */
export class Single implements Drives, Wanted {
  attempt = 0;
  readonly affinity: string | undefined;
  readonly #keeper: Driver;
  readonly #face: Face;
  #state = CONNECTING;
  #server: Server | null = null;
  #socket: WebSocket | undefined;
  #closure: Ending = ABNORMAL;

  constructor(keeper: Driver, affinity: string | undefined, face: Face) {
    this.#keeper = keeper;
    this.affinity = affinity;
    this.#face = face;
  }

  start(): void {
    this.#keeper.want(this);
  }

  chosen(server: Server): void {
    const { attempt } = this;
    this.#server = server;
    this.#face.chose(server.url, server);
    this.#face.credentials?.(server).then(
      ({ url, protocols }) => {
        if (this.#state !== CONNECTING) return;
        this.#keeper.tell(DIALED, attempt);
        try {
          this.#listen(this.#face.dial(url, protocols, server, false), server);
        } catch (error) {
          this.#closure = { ...ABNORMAL, error };
          this.#keeper.ended(attempt, ABNORMAL.code);
        }
      },
      (error) => {
        this.#closure = { ...ABNORMAL, error };
        this.#keeper.tell(NO_CREDENTIALS, attempt);
      },
    );
  }

  #listen(socket: WebSocket, server: Server): void {
    let errored = true;
    this.#socket = socket;
    socket.onopen = () => {
      errored = false;
      this.#state = OPEN;
      this.#keeper.tell(OPENED, this.attempt);
      this.#face.changed();
      // Whoever heard of the state may have closed it.
      if (this.#state === OPEN) this.#face.opened(socket, server);
    };
    socket.onmessage = (event) => this.#face.message(event);
    socket.onerror = () => {
      errored = true;
    };
    socket.onclose = ({ code, reason, wasClean }) => {
      this.#closure = { code, reason, wasClean, errored };
      this.#keeper.ended(this.attempt, code);
    };
  }

  abandon(): void {
    if (this.#socket) letGo(this.#socket);
  }

  over(): void {
    this.#state = CLOSED;
    this.#face.changed();
    this.#face.closed({ ...this.#closure, final: true });
  }

  close(code: number | undefined, reason: string): void {
    const farewell: [code?: number, reason?: string] = code === undefined ? [] : [code, reason];
    if (this.#state === OPEN && this.#socket) endSocket(this.#socket, ...farewell);
    else this.abandon();
    this.#state = CLOSING;
    this.#keeper.tell(LEAVE, this.attempt);
  }

  state(): number {
    return this.#state;
  }

  servers(): ServerStatus[] {
    return this.#keeper.servers();
  }

  snapshot(): object {
    return { ...this.#keeper.snapshot(), server: this.#server?.id ?? null };
  }

  update(document: unknown, base: string | undefined): void {
    this.#keeper.update(document, base);
  }

  // It neither comes back nor moves, asks no seed, and none answers it.
  refresh(): void {}
  reconnect(): void {}
  migrate(): void {}
  answered(): void {}
  unanswered(): void {}

  /** Over, or torn down where something broke. */
  free(): void {
    this.abandon();
    if (this.#state !== CLOSED) this.#keeper.tell(LEAVE, this.attempt);
  }
}
