// The application: it numbers its messages, sends them at an even pace to servers that echo, and keeps a record of what
// became of each: what the library took, what it gave to which of the browser's sockets, what came back on which, what was told.

import { makeSocket } from "/sockets.js";

/** What a message looks like: so that what else comes in is not counted, and each has as many bytes. */
const NUMBERED = /^\d{8}$/;

const toMessage = (number) => String(number).padStart(8, "0");

export class Application {
  /** By number: when it was sent. */
  #sent = [];
  /** Numbers that `send` did not take. */
  #rejected = [];
  /** What came back to the application, in that order: number, time, step. */
  #echoes = [];
  #events = [];
  /** The browser's sockets, with the numbers that were given to each and the steps at which anything arrived. */
  #connections = [];
  /** Counts all that happens, so that it has an order where the clock's milliseconds give none. */
  #steps = 0;
  #lastEcho = 0;
  #socket;
  #timer;

  /** `pace`: between two messages, in ms. */
  constructor(contestant, pace) {
    this.#socket = makeSocket(contestant, { WebSocket: this.#recorder() });
    this.#listen();
    this.#timer = setInterval(() => this.#send(), pace);
  }

  stop() {
    clearInterval(this.#timer);
  }

  reconnect() {
    this.#socket.reconnect();
  }

  /** Only Evenkeel can. */
  migrate() {
    this.#socket.migrate?.();
  }

  close() {
    this.#socket.close();
  }

  /** How things stand, in short: what the tests wait by. */
  look() {
    return {
      open: this.#socket.readyState === WebSocket.OPEN,
      lastEcho: this.#lastEcho,
    };
  }

  record() {
    return {
      sent: this.#sent,
      rejected: this.#rejected,
      echoes: this.#echoes,
      events: this.#events,
      connections: this.#connections,
    };
  }

  #step() {
    this.#steps += 1;
    return this.#steps;
  }

  /** The browser's WebSocket, which notes what is given to it and what arrives before anyone else hears of it. */
  #recorder() {
    const connections = this.#connections;
    const step = () => this.#step();
    return class extends WebSocket {
      #sends = [];

      constructor(...parameters) {
        super(...parameters);
        const arrivals = [];
        connections.push({ made: Date.now(), url: this.url, sends: this.#sends, arrivals });
        this.addEventListener("message", () => arrivals.push(step()));
      }

      send(data) {
        super.send(data);
        if (NUMBERED.test(data)) this.#sends.push([Number(data), step()]);
      }
    };
  }

  #send() {
    const number = this.#sent.length;
    this.#sent.push(Date.now());
    try {
      this.#socket.send(toMessage(number));
    } catch {
      this.#rejected.push(number);
    }
  }

  #listen() {
    const note = (type, detail = {}) => this.#events.push({ type, at: Date.now(), step: this.#step(), ...detail });
    const on = (type, details = () => undefined) =>
      this.#socket.addEventListener(type, (event) => note(type, details(event)));
    this.#socket.addEventListener("message", ({ data }) => this.#receive(data));
    on("open");
    on("error");
    on("close", ({ code, moved, handedOver }) => ({ code, moved, handedOver }));
    // Evenkeel's own; the others never fire them.
    on("migrate", ({ reason, handedOver }) => ({ reason, handedOver }));
    on("retry", ({ cause, delay }) => ({ cause, delay }));
    on("statechange", ({ state }) => ({ state }));
    on("drop", ({ messages }) => ({ messages: messages.map(Number) }));
  }

  #receive(data) {
    if (!NUMBERED.test(data)) return;
    const number = Number(data);
    this.#lastEcho = Date.now();
    this.#echoes.push([number, this.#lastEcho, this.#step()]);
  }
}
