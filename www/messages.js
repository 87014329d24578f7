// Messages sent and echoed. Each has a number on the wire and is kept in order until its echo comes, so that it can be
// seen that nothing queued during a gap, or sent during a move, is lost, repeated or overtaken.

import { el, fill, setText } from "./dom.js";
import { duration } from "./format.js";

const TICK = 250; // ms between numbered messages
const LOG = 60; // echoes shown
const STRIP = 60; // messages shown as cells
const REMEMBERED = 2_000; // messages kept while no echo comes
// ms after a move until the connection before is gone for sure: `linger`, then `closeTimeout`
const LEFT_BEHIND = 10_000;

const LABELS = {
  queued: "queued",
  flying: "sent, no echo yet",
  confirmed: "echoed",
  lost: "sent, and the connection lost before the echo",
  dropped: "dropped from the queue",
};

export class Messages {
  #parts;
  #timeline;
  #socket = null;
  #pending = []; // queued and flying, oldest first
  #recent = []; // what the strip shows, oldest first
  #totals = { sent: 0, confirmed: 0, lost: 0, dropped: 0, repeated: 0, disordered: 0 };
  #number = 0; // of the last message
  #tick = 0;
  #timer = null;

  constructor(parts, timeline) {
    this.#parts = parts;
    this.#timeline = timeline;
    fill(parts.strip, STRIP, () => el("span", { class: "cell" }));
    parts.form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.#send(parts.input.value)) parts.input.value = "";
    });
    parts.auto.addEventListener("click", () => this.#toggle());
  }

  watch(socket) {
    this.#socket = socket;
    socket.addEventListener("message", ({ data }) => this.#echoed(data));
    socket.addEventListener("open", () => this.#settle("queued", "flying"));
    socket.addEventListener("close", () => this.#settle("flying", "lost"));
    socket.addEventListener("migrate", () => {
      // The connection before still delivers; what it leaves behind is lost.
      const left = this.#are("flying");
      setTimeout(() => {
        for (const message of left) if (message.status === "flying") this.#finish(message, "lost");
      }, LEFT_BEHIND);
      this.#settle("queued", "flying");
    });
    socket.addEventListener("drop", ({ messages }) => {
      for (const data of messages) {
        const message = this.#are("queued").find((candidate) => candidate.wire === data);
        if (message) this.#finish(message, "dropped");
      }
    });
  }

  render() {
    const { sent, confirmed, lost, dropped, repeated, disordered } = this.#totals;
    const { counters } = this.#parts;
    setText(counters.sent, String(sent));
    setText(counters.confirmed, String(confirmed));
    setText(counters.outstanding, String(this.#are("flying").length));
    setText(counters.queued, String(this.#are("queued").length));
    for (const [name, number] of Object.entries({ lost: lost + dropped, repeated, disordered })) {
      setText(counters[name], String(number));
      counters[name].parentElement.classList.toggle("alarm", number > 0);
    }

    this.#recent.forEach((message, index) => {
      const cell = this.#parts.strip.children[index];
      const title = `${message.wire}: ${LABELS[message.status]}`;
      if (cell.title === title) return;
      cell.dataset.status = message.status;
      cell.title = title;
    });
  }

  #are(status) {
    return this.#pending.filter((message) => message.status === status);
  }

  #toggle() {
    const start = this.#timer === null;
    if (start) this.#timer = setInterval(() => this.#send(`tick ${++this.#tick}`), TICK);
    else clearInterval(this.#timer);
    if (!start) this.#timer = null;
    this.#parts.auto.setAttribute("aria-pressed", String(start));
  }

  #send(text) {
    if (!this.#socket) return false;
    const at = performance.now();
    const wire = `#${this.#number + 1} ${text}`;
    const message = { text, wire, at, sentAt: at, status: "queued" };
    // Before it is sent, as it may be dropped at once.
    this.#pending.push(message);
    const queued = this.#socket.snapshot().queued;
    try {
      this.#socket.send(wire);
    } catch (error) {
      this.#pending.pop();
      this.#timeline.add("send", `not sent: ${error.message}`, { tone: "bad", note: error.remedy });
      if (this.#timer !== null) this.#toggle();
      return false;
    }
    if (message.status === "queued" && this.#socket.snapshot().queued === queued) message.status = "flying";
    this.#number += 1;
    this.#totals.sent += 1;
    if (this.#pending.length > REMEMBERED) this.#finish(this.#pending[0], "lost");
    this.#recent.push(message);
    if (this.#recent.length > STRIP) this.#recent.shift();
    return true;
  }

  /** Everything that is `from` becomes `to`: the whole queue goes at once, and so does what a connection takes with it. */
  #settle(from, to) {
    const now = performance.now();
    for (const message of this.#are(from)) {
      if (to === "flying") {
        message.status = to;
        message.sentAt = now;
      } else this.#finish(message, to);
    }
  }

  #finish(message, status) {
    message.status = status;
    this.#totals[status] += 1;
    this.#pending.splice(this.#pending.indexOf(message), 1);
  }

  #echoed(data) {
    const now = performance.now();
    const from = this.#socket.server.id;
    const flying = this.#are("flying");
    const message = flying.find(({ wire }) => wire === data);
    if (!message) {
      // What was sent from the console has no number, and has not been timed.
      const number = Number(/^#(\d+) /.exec(data)?.[1]);
      if (number <= this.#number) this.#totals.repeated += 1;
      return this.#log(String(data), from);
    }
    if (message !== flying[0]) this.#totals.disordered += 1;
    this.#finish(message, "confirmed");
    const waited = message.sentAt - message.at;
    const queued = waited > 1 ? `queued ${duration(waited)}, then ` : "";
    this.#log(message.text, `${from} · ${queued}${duration(now - message.sentAt)}`);
  }

  #log(text, note) {
    const { log } = this.#parts;
    log.prepend(el("li", {}, el("span", { class: "echo-text", text }), el("span", { class: "echo-time", text: note })));
    while (log.childElementCount > LOG) log.lastElementChild.remove();
  }
}
