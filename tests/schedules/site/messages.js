// Numbered messages of an application, and what must be true of each: no message that the package holds is lost, repeated or
// reordered without an event that says so. What is known of them here is seen from outside: at the sockets and in events.

/** Numbers from 0 to 1, the same for the same seed (a Weyl sequence, its bits mixed). */
function randomOf(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32;
  };
}

/** How often, per step and per event that is told of, something is sent. */
const OFTEN = 0.15;
const MOST_AT_ONCE = 4;
const LONGEST = 30;

export class Messages {
  /** What has been violated, in words. */
  violations = [];
  /** How often each fate was met. */
  fates = {};
  #random;
  #pick = (...ways) => ways[Math.floor(this.#random() * ways.length)];
  #overflow;
  #socket;
  #platform;
  #sent = 0;
  /** Those that the package has taken and not given away, oldest first. */
  #held = [];
  #lastGiven = 0;
  /** Its listeners are told that it is open: what they send goes ahead of the queue. */
  #opens = false;
  #live;
  /** By connection: the bytes given to it since something arrived there, or since an event told of them. */
  #unconfirmed = new Map();

  constructor(platform, seed) {
    this.#random = randomOf(seed);
    this.#platform = platform;
    this.#overflow = this.#pick("throw", "drop-oldest", "drop-newest");
    platform.gives = (wire, data) => this.#given(wire, data);
    platform.delivers = (wire) => this.#unconfirmed.set(wire, 0);
  }

  /** What the package is told about its queue. */
  get options() {
    return {
      overflow: this.#overflow,
      queueMessages: this.#pick(0, 3, 1_000),
      queueBytes: this.#pick(50, 1_048_576),
    };
  }

  watch(socket) {
    this.#socket = socket;
    socket.addEventListener("drop", ({ messages, reason }) => this.#dropped(messages, reason));
    socket.addEventListener("open", () => this.#uses());
    socket.addEventListener("migrate", ({ handedOver }) => {
      this.#leaves("migrate", handedOver);
      this.#uses();
    });
    socket.addEventListener("close", ({ handedOver }) => {
      this.#leaves("close", handedOver);
      this.#live = undefined;
    });
    socket.addEventListener("open", () => {
      this.#opens = true;
      this.sendSome();
      this.#opens = false;
    });
    for (const type of ["statechange", "migrate", "close", "message", "retry"]) {
      socket.addEventListener(type, () => this.sendSome());
    }
  }

  /** Now and then, some messages. */
  sendSome() {
    if (!this.#socket || this.#random() > OFTEN) return;
    for (let left = Math.ceil(this.#random() * MOST_AT_ONCE); left > 0; left--) this.#send();
  }

  #send() {
    const number = ++this.#sent;
    const data = `${number}:${"x".repeat(this.#random() * LONGEST)}`;
    this.#held.push(number);
    try {
      this.#socket.send(data);
    } catch (error) {
      if (error.code !== "queue-full" || this.#overflow !== "throw") this.violations.push(`${number}: ${error}`);
      if (!this.#release(number)) this.violations.push(`${number} was refused, and gone already`);
      this.#count("refused");
    }
  }

  #count(fate) {
    this.fates[fate] = (this.fates[fate] ?? 0) + 1;
  }

  #release(number) {
    const at = this.#held.indexOf(number);
    if (at >= 0) this.#held.splice(at, 1);
    return at >= 0;
  }

  #given(wire, data) {
    const number = Number.parseInt(data, 10);
    if (wire.readyState !== 1) this.violations.push(`${number} was given to a connection that does not stand`);
    if (number <= this.#lastGiven) this.violations.push(`${number} was given after ${this.#lastGiven}`);
    if (!this.#opens) {
      if (this.#held[0] !== number) this.violations.push(`${number} was given before ${this.#held[0]}`);
      this.#lastGiven = number;
    }
    if (!this.#release(number)) this.violations.push(`${number} was given, and not held`);
    this.#unconfirmed.set(wire, (this.#unconfirmed.get(wire) ?? 0) + data.length);
    this.#count("given");
  }

  #dropped(messages, reason) {
    for (const data of messages) {
      const number = Number.parseInt(data, 10);
      if (!this.#release(number)) this.violations.push(`${number} was dropped, and not held`);
      const may = reason === "closed" ? this.#socket.readyState >= 2 : this.#overflow.startsWith("drop");
      if (!may) this.violations.push(`${number} was dropped for ${reason}`);
      this.#count(`dropped ${reason}`);
    }
  }

  /** The connection that stands now is the last one to where the socket says that it is connected. */
  #uses() {
    this.#live = [...this.#platform.sockets.values()].findLast(
      ({ url, readyState }) => url === this.#socket.url && (readyState === 1 || readyState === 2),
    );
    if (!this.#live) this.violations.push(`it says that it is connected to ${this.#socket.url}`);
  }

  /** What may not have arrived at the connection that is left must have been said. */
  #leaves(type, handedOver) {
    const unconfirmed = this.#unconfirmed.get(this.#live) ?? 0;
    if (handedOver !== unconfirmed) {
      this.violations.push(`${type} tells of ${handedOver} bytes handed over, which were ${unconfirmed}`);
    }
    this.#unconfirmed.set(this.#live, 0);
    if (handedOver) this.#count(`handed over, ${type}`);
  }

  /** Looks at what must be so whenever nothing happens. */
  check() {
    const stands = this.#socket.readyState === 1 && this.#live?.readyState === 1;
    if (stands && this.#held.length) this.violations.push(`it is open and holds ${this.#held}`);
    if (this.#socket.readyState >= 2 && this.#held.length) this.violations.push(`${this.#held} were lost at the end`);
  }
}
