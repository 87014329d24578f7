// The application: it numbers its messages and sends a hundred of them a second to servers that echo. The same for every
// library, with one application for each, side by side.

import { makeSocket } from "./sockets.js";

/** Between two messages, in ms. */
const PACE = 10;

/** What a message looks like: so that what else comes in is not counted, and each has as many bytes. */
const NUMBERED = /^\d{8}$/;

const toMessage = (number) => String(number).padStart(8, "0");

class Application {
  events = [];
  /** By number: when it was sent, when it first came back, how often it came back. */
  sent = [];
  echoed = [];
  times = [];
  /** Numbers that `send` did not take. */
  rejected = [];
  /** When the library has tried to connect, to dead ports as well. */
  attempts = [];
  #heard = 0;
  #lastEcho = 0;
  #timer;

  constructor(contestant) {
    const { attempts } = this;
    this.socket = makeSocket(contestant, {
      WebSocket: class extends WebSocket {
        constructor(...parameters) {
          super(...parameters);
          attempts.push(Date.now());
        }
      },
    });
    this.#listen();
    this.#timer = setInterval(() => this.#send(), PACE);
  }

  stop() {
    clearInterval(this.#timer);
  }

  /** How things stand, in short: what the tests wait by. */
  look() {
    return {
      open: this.socket.readyState === WebSocket.OPEN,
      opened: this.events.findLast(({ type }) => type === "open" || type === "migrate")?.at,
      lastEcho: this.#lastEcho,
      outstanding: this.sent.length - this.#heard,
    };
  }

  report() {
    const { events, sent, echoed, times, rejected, attempts } = this;
    return {
      events,
      sent,
      echoed: sent.map((_, number) => echoed[number] ?? null),
      times: sent.map((_, number) => times[number] ?? 0),
      rejected,
      attempts,
    };
  }

  #send() {
    const number = this.sent.length;
    this.sent.push(Date.now());
    try {
      this.socket.send(toMessage(number));
    } catch {
      this.rejected.push(number);
    }
  }

  #listen() {
    const { socket } = this;
    const note = (type, detail = {}) => this.events.push({ type, at: Date.now(), ...detail });
    socket.addEventListener("open", () => note("open"));
    socket.addEventListener("error", () => note("error"));
    socket.addEventListener("close", ({ code, moved, handedOver }) => note("close", { code, moved, handedOver }));
    socket.addEventListener("message", ({ data }) => this.#receive(data));
    // Evenkeel's own; the others never fire them.
    socket.addEventListener("migrate", ({ reason, handedOver }) => note("migrate", { reason, handedOver }));
    socket.addEventListener("retry", ({ cause, delay }) => note("retry", { cause, delay }));
    socket.addEventListener("statechange", ({ state }) => note("statechange", { state }));
    socket.addEventListener("drop", ({ messages }) => note("drop", { messages: messages.map(Number) }));
  }

  #receive(data) {
    if (!NUMBERED.test(data)) return;
    const number = Number(data);
    this.#lastEcho = Date.now();
    if (this.echoed[number] === undefined) this.#heard += 1;
    this.echoed[number] ??= this.#lastEcho;
    this.times[number] = (this.times[number] ?? 0) + 1;
  }
}

/** The applications, by the names of their contestants. */
const applications = new Map();

window.begin = (contestants) => {
  for (const contestant of contestants) applications.set(contestant.name, new Application(contestant));
};

const ofEach = (question) => Object.fromEntries([...applications].map(([name, it]) => [name, question(it)]));

window.look = () => ofEach((application) => application.look());

window.stop = () => {
  for (const application of applications.values()) application.stop();
};

/** Closes the sockets, so that what still waits is dropped, and gives the reports of all that was. */
window.reports = () =>
  ofEach((application) => {
    application.socket.close();
    return application.report();
  });

/** Times at which the page came back out of the back/forward cache. */
window.restored = [];
addEventListener("pageshow", ({ persisted }) => {
  if (persisted) window.restored.push(Date.now());
});

/** What the browser has said of the network. */
window.network = [];
for (const type of ["offline", "online"]) addEventListener(type, () => window.network.push(type));

window.ready = true;
