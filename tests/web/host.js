// Plays the face before a driver: asks seeds with the browser's own fetch, dials with its own WebSocket, and records
// what it was asked and told, with times. What an application would do in a listener can be planned (`on`).

const STATES = ["idle", "connecting", "open", "reconnecting", "migrating", "offline", "closing", "closed"];

// The tests' own waits are not counted: the timers that are left are the driver's.
const { setTimeout: begin, clearTimeout: end } = globalThis;
const timers = new Set();
globalThis.setTimeout = (callback, delay) => {
  const timer = begin(() => {
    timers.delete(timer);
    callback();
  }, delay);
  timers.add(timer);
  return timer;
};
globalThis.clearTimeout = (timer) => {
  timers.delete(timer);
  end(timer);
};

/** How many timers are set. */
export const timersSet = () => timers.size;

export const sleep = (ms) => new Promise((resolve) => begin(resolve, ms));

let hosts = [];

/** Makes an end of what a failed test has left, before another one begins. */
export const forget = () => {
  for (const host of hosts) host.dismiss();
  hosts = [];
};

/** All that happened to the clients of this test. */
export const story = () =>
  hosts.flatMap((host, index) => [`client ${index}: ${JSON.stringify(host.settings)}`, ...host.lines()]).join("\n");

/** In a later task, as the driver is promised: what plain data a function seed would give. */
const answerOf = async (seed, signal) => {
  if (seed.documents) {
    const document = seed.documents.length > 1 ? seed.documents.shift() : seed.documents[0];
    await sleep(0);
    return { document };
  }
  let response;
  try {
    // A function seed may be deaf to its signal, and then answers late.
    response = await fetch(seed.url, { cache: "no-cache", ...(seed.deaf ? {} : { signal }) });
  } catch {
    throw "seed-unreachable";
  }
  if (!response.ok) return { response };
  try {
    return { response, document: await response.json() };
  } catch {
    throw "list-not-json";
  }
};

export class Host {
  settings;
  #seeds;
  #protocols;
  #verdict;
  #on;
  #driver;
  #live;
  #records = [];
  #waits = [];
  #began = performance.now();

  /**
   * A JSON object: `seeds` (`{ url, deaf }` or `{ documents }`, one for each time it is asked, the last one for ever),
   * `protocols`, `verdict` (overrules the default), `on` (`{ type: "close" | "reconnect" }`: done when the first such
   * record is made; instead of a type also the name of a state), and any of the driver's settings.
   */
  constructor(setup) {
    const { seeds = [], protocols = [], verdict, on = {}, ...settings } = JSON.parse(setup);
    this.settings = {
      seeds: seeds.length,
      bases: seeds.map(({ url }) => url ?? ""),
      seedTimeout: 2000,
      connectTimeout: 2000,
      minUptime: 300,
      closeTimeout: 1000,
      randomSeed: Math.floor(Math.random() * 2 ** 53),
      ...settings,
    };
    this.#seeds = seeds;
    this.#protocols = protocols;
    this.#verdict = verdict;
    this.#on = on;
    hosts.push(this);
  }

  employ(driver) {
    this.#driver = driver;
  }

  /** As the face does after the end; what comes later finds nobody. */
  dismiss() {
    const driver = this.#driver;
    this.#driver = undefined;
    driver?.free();
  }

  send(message) {
    this.#live.send(message);
  }

  /** Resolves when so many records of a type have been made. */
  async happened(type, times) {
    if (this.count(type) < times) {
      await new Promise((resolve) => this.#waits.push({ type, times, resolve }));
    }
  }

  count(type) {
    return this.#of(type).length;
  }

  /** The records of a type, or all, as JSON. */
  records(type) {
    return JSON.stringify(type ? this.#of(type) : this.#records);
  }

  record(type, times) {
    return JSON.stringify(this.#of(type)[times - 1]);
  }

  lines() {
    return this.#records.map(
      ({ type, at, ...detail }) => `${at.toFixed(1).padStart(10)} ${type} ${JSON.stringify(detail)}`,
    );
  }

  // What the driver calls.

  ask(seed, request, signal) {
    this.#note("ask", { seed, request });
    signal.addEventListener("abort", () => this.#note("abort", { request }));
    answerOf(this.#seeds[seed], signal).then(
      ({ response, document }) => {
        this.#note("answer", { request, status: response?.status });
        this.#driver?.answered(request, response, document);
      },
      (code) => {
        this.#note("no answer", { request, code });
        this.#driver?.unanswered(request, code);
      },
    );
  }

  dial(url, server) {
    this.#note("dial", { url, server });
    const socket = new WebSocket(url, this.#protocols);
    socket.binaryType = "arraybuffer";
    socket.onmessage = ({ data }) => {
      this.#note("message", typeof data === "string" ? { text: data } : { bytes: [...new Uint8Array(data)] });
    };
    return socket;
  }

  verdict({ code, reason, wasClean }, final) {
    this.#note("verdict", { code, reason, wasClean, final });
    return this.#verdict ?? !final;
  }

  changed() {
    this.#note("state", { state: STATES[this.#driver.state()] });
  }

  opened(socket, server) {
    this.#live = socket;
    this.#note("opened", { url: socket.url, protocol: socket.protocol, readyState: socket.readyState, server });
  }

  closed(detail) {
    this.#live = undefined;
    this.#note("closed", detail);
  }

  emit(type, detail) {
    this.#note(type, detail);
  }

  #of(type) {
    return this.#records.filter((record) => record.type === type);
  }

  #note(type, detail) {
    this.#records.push({ type, at: performance.now() - this.#began, ...JSON.parse(JSON.stringify(detail)) });
    // Listeners look at the socket in every event: the driver must always bear to be asked.
    JSON.stringify([this.#driver?.state(), this.#driver?.servers(), this.#driver?.snapshot()]);
    for (const cue of [type, detail.state]) {
      const action = this.#on[cue];
      delete this.#on[cue];
      if (action === "close") this.#driver.close(undefined, "");
      else if (action === "reconnect") this.#driver.reconnect();
    }
    this.#waits = this.#waits.filter((wait) => {
      const over = this.count(wait.type) >= wait.times;
      if (over) wait.resolve();
      return !over;
    });
  }
}

/** WebKit tells of a close with code 1012 and no reason as of a lost connection. */
export const hears1012 = () => /Chrome|Firefox/.test(navigator.userAgent);
