// A platform in our hands: what a page has around it, put in the place of the browser's own, in virtual time.

/** The wall clock at the time 0, in ms. */
const EPOCH = Date.UTC(2026, 0, 1);

/** Lets everything happen that has been set in motion: what waits for a promise, and what comes of that. */
const channel = new MessageChannel();
let go;
channel.port1.onmessage = () => go();
export const settled = () =>
  new Promise((resolve) => {
    go = resolve;
    channel.port2.postMessage(undefined);
  });

/** A promise, and what settles it. */
export function deferred() {
  let settle;
  const promise = new Promise((resolve, reject) => {
    settle = { resolve, reject };
  });
  return { promise, ...settle };
}

/** The platform's socket, moved by hand. */
class Socket {
  readyState = 0;
  bufferedAmount = 0;
  protocol = "";
  extensions = "";
  binaryType = "blob";
  onopen = null;
  onmessage = null;
  onerror = null;
  onclose = null;
  #platform;

  constructor(platform, address) {
    this.#platform = platform;
    this.url = address;
    const url = new URL(address);
    // Where the application was asked, it has given a ticket that says for which attempt.
    this.attempt = Number(url.searchParams.get("ticket") ?? platform.attempts);
    url.search = "";
    platform.sockets.set(this.attempt, this);
    platform.did.push({ did: "dial", attempt: this.attempt, url: url.href });
  }

  send(data) {
    if (this.readyState === 0) throw new DOMException("still connecting", "InvalidStateError");
    if (data === "ping") {
      this.#platform.did.push({ did: "ping", attempt: this.attempt });
    } else {
      this.#platform.gives(this, data);
      this.bufferedAmount += data.length;
    }
  }

  close(code = null) {
    const { attempt } = this;
    if (this.readyState === 3) return;
    this.readyState = 2;
    // Whoever lets go of a socket hears nothing of it any more.
    const isHeard = this.onopen || this.onmessage || this.onclose;
    this.#platform.did.push(isHeard ? { did: "close", attempt, code } : { did: "abandon", attempt });
  }

  /** The connection stands. */
  open() {
    if (this.readyState > 0) return;
    this.readyState = 1;
    this.onopen?.(new Event("open"));
  }

  /** The server has begun to close it. */
  beginToEnd() {
    if (this.readyState === 1) this.readyState = 2;
  }

  /** Something arrives. */
  deliver(data) {
    if (this.readyState !== 1) return;
    this.bufferedAmount = 0;
    if (this.onmessage) this.#platform.delivers(this);
    this.onmessage?.({ data, origin: "", target: this, timeStamp: this.#platform.now });
  }

  /** It is over. */
  end(code) {
    if (this.readyState === 3) return;
    this.readyState = 3;
    if (code === 1006) this.onerror?.(new Event("error"));
    this.onclose?.(new CloseEvent("close", { code, wasClean: code !== 1006 }));
  }
}

/** A target of events that counts its listeners. */
class Target extends EventTarget {
  listeners = 0;
  addEventListener(...given) {
    this.listeners++;
    super.addEventListener(...given);
  }
  removeEventListener(...given) {
    this.listeners--;
    super.removeEventListener(...given);
  }
}

/** An answer as `fetch` gives it, its body in two pieces. */
function responseOf(url, status, headers, text) {
  const bytes = new TextEncoder().encode(text);
  const half = bytes.length >> 1;
  const body = new ReadableStream({
    start(controller) {
      for (const part of [bytes.subarray(0, half), bytes.subarray(half)]) if (part.length) controller.enqueue(part);
      controller.close();
    },
  });
  return { url, status, ok: status >= 200 && status < 300, redirected: false, headers: new Headers(headers), body };
}

/** All of it, for one client. */
export class Platform {
  now;
  /** What has been done to it since anybody looked. */
  did = [];
  /** Who is told of each message that is sent on a socket, and of each socket on which one arrives. */
  gives;
  delivers;
  attempts = 0;
  sockets = new Map();
  requests = new Map();
  timers = new Map();
  tasks = [];
  window = new Target();
  page = new Target();
  connection = Object.assign(new Target(), { type: "wifi" });
  storage = new Map();
  #named = 0;
  #random;

  constructor(now, { random, offline, dialsAreDelayed }) {
    this.now = now;
    this.#random = random;
    this.navigator = {
      onLine: !offline,
      userAgent: dialsAreDelayed ? "Mozilla/5.0 Firefox/140.0" : "Mozilla/5.0 Chrome/140.0",
      connection: this.connection,
    };
  }

  /** Puts it in place of the browser's own. Gives what puts that back. */
  install() {
    const platform = this;
    const { window, page } = this;
    const listening = (target) => ({
      addEventListener: target.addEventListener.bind(target),
      removeEventListener: target.removeEventListener.bind(target),
    });
    const places = [
      [document, { ...listening(page), visibilityState: "visible" }],
      [performance, { now: () => this.now }],
      [Date, { now: () => EPOCH + Math.floor(this.now) }],
      [
        crypto,
        { getRandomValues: (numbers) => numbers.fill((BigInt(this.#random[0]) << 32n) | BigInt(this.#random[1])) },
      ],
      [
        globalThis,
        {
          ...listening(window),
          WebSocket: function WebSocket(url) {
            return new Socket(platform, url);
          },
          fetch: (url, init) => this.#fetch(url, init),
          setTimeout: (callback, delay) => this.#later(callback, delay),
          clearTimeout: (timer) => this.timers.delete(timer),
          navigator: this.navigator,
          localStorage: {
            getItem: (key) => this.storage.get(key) ?? null,
            setItem: (key, text) => this.storage.set(key, text),
          },
        },
      ],
    ];
    const restore = places.flatMap(([object, names]) =>
      Object.entries(names).map(([name, value]) => {
        const own = Object.getOwnPropertyDescriptor(object, name);
        Object.defineProperty(object, name, { configurable: true, writable: true, value });
        return () => {
          delete object[name];
          if (own) Object.defineProperty(object, name, own);
        };
      }),
    );
    return () => {
      for (const each of restore) each();
    };
  }

  /** What has no delay is a task that comes next. */
  #later(callback, delay) {
    const id = ++this.#named;
    if (delay === undefined) this.tasks.push(callback);
    else this.timers.set(id, { callback, at: this.now + delay });
    return id;
  }

  #fetch(url, { signal }) {
    const request = this.requests.size + 1;
    const { promise, resolve, reject } = deferred();
    const entry = { url, under: true, resolve, reject };
    this.requests.set(request, entry);
    this.did.push({ did: "ask", request, seed: Number(/\d+/.exec(url)) });
    signal.addEventListener("abort", () => {
      if (!entry.under) return;
      entry.under = false;
      this.did.push({ did: "abort", request });
      reject(new DOMException("aborted", "AbortError"));
    });
    return promise;
  }

  /** A seed answers. */
  answer({ request, status, headers, text }) {
    const entry = this.#requested(request);
    entry.resolve(responseOf(entry.url, status, headers, text));
  }

  /** No answer comes. */
  fail({ request }) {
    this.#requested(request).reject(new TypeError("no network"));
  }

  #requested(request) {
    const entry = this.requests.get(request);
    if (!entry?.under) throw new Error(`there is no request ${request} under way`);
    entry.under = false;
    return entry;
  }

  socket(attempt) {
    const socket = this.sockets.get(attempt);
    if (!socket) throw new Error(`there is no socket of attempt ${attempt}`);
    return socket;
  }

  /** Fires the timer that is due, or not due for less than a millisecond yet: browsers do that. */
  fireTimer() {
    const [[id, timer] = []] = this.timers;
    if (!timer || timer.at >= this.now + 1) throw new Error(`no timer is due: ${timer?.at}`);
    this.timers.delete(id);
    timer.callback();
  }

  /** Runs what was put off to the next task; says whether there was any. */
  runTasks() {
    const tasks = this.tasks.splice(0);
    for (const task of tasks) task();
    return tasks.length > 0;
  }

  network(online) {
    this.navigator.onLine = online;
    this.window.dispatchEvent(new Event(online ? "online" : "offline"));
  }

  look() {
    this.page.dispatchEvent(new Event("visibilitychange"));
  }

  asleep(how) {
    if (how === "frozen") this.page.dispatchEvent(new Event("freeze"));
    else this.window.dispatchEvent(new PageTransitionEvent("pagehide", { persisted: true }));
  }

  awake(how) {
    if (how === "frozen") this.page.dispatchEvent(new Event("resume"));
    else if (how === "hidden") this.window.dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true }));
    else {
      this.connection.type = this.connection.type === "wifi" ? "cellular" : "wifi";
      this.connection.dispatchEvent(new Event("change"));
    }
  }

  /** What is still there. */
  leftovers() {
    const listeners = this.window.listeners + this.page.listeners + this.connection.listeners;
    const sockets = [...this.sockets.values()].filter(({ readyState, onclose }) => readyState < 3 && onclose).length;
    const requests = [...this.requests.values()].filter(({ under }) => under).length;
    return { timers: this.timers.size, listeners, sockets, requests };
  }
}
