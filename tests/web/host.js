// Plays the face before a driver: asks seeds with the browser's own fetch, dials with its own WebSocket, and records
// what it was asked and told, with times. What an application would do in a listener can be planned (`on`).

const STATES = ["idle", "connecting", "open", "reconnecting", "migrating", "offline", "closing", "closed"];

// The tests' own waits are not counted: the timers that are left are the driver's. They can be held up, as those of
// hidden pages are.
const { setTimeout: begin, clearTimeout: end } = globalThis;
const timers = new Map();
const late = new Set();
let holding = false;

function ring(timer) {
  if (holding) {
    late.add(timer);
    return;
  }
  const callback = timers.get(timer);
  timers.delete(timer);
  callback();
}

globalThis.setTimeout = (callback, delay) => {
  const timer = begin(() => ring(timer), delay);
  timers.set(timer, callback);
  return timer;
};
globalThis.clearTimeout = (timer) => {
  timers.delete(timer);
  late.delete(timer);
  end(timer);
};

/** How many timers are set. */
export const timersSet = () => timers.size;

/** Holds up all timers, or lets those go off that are due. */
export const holdTimers = (hold) => {
  holding = hold;
  if (hold) return;
  const due = [...late];
  late.clear();
  for (const timer of due) if (timers.has(timer)) ring(timer);
};

export const sleep = (ms) => new Promise((resolve) => begin(resolve, ms));

/** Which of the tests that run at once is running now; "" if none does. */
let scene = "";

export const entered = () => scene;
export const enter = (entering) => {
  scene = entering;
};

// As with timers, so with what is listened to beyond sockets and requests. What a test lets happen, it alone hears.
const listened = [];
for (const target of [globalThis, globalThis.document, globalThis.navigator?.connection]) {
  if (!target) continue;
  const { addEventListener, removeEventListener } = target;
  target.addEventListener = (type, listener, ...rest) => {
    const own = scene;
    const hearing = (event) => {
      if ((event.scene ?? own) === own) listener(event);
    };
    listened.push({ target, type, listener, hearing });
    addEventListener.call(target, type, hearing, ...rest);
  };
  target.removeEventListener = (type, listener, ...rest) => {
    const at = listened.findIndex((it) => it.target === target && it.type === type && it.listener === listener);
    const [{ hearing }] = at < 0 ? [{ hearing: listener }] : listened.splice(at, 1);
    removeEventListener.call(target, type, hearing, ...rest);
  };
}

/** How many listeners there are, by the events that they listen to; `connect` is the test runner's, in shared workers. */
export const listeners = () => {
  const counts = {};
  for (const { type } of listened) if (type !== "connect") counts[type] = (counts[type] ?? 0) + 1;
  return JSON.stringify(counts);
};

/** What the platform does when something happens to the page or the network. */
export const happen = (type) => {
  const target = ["freeze", "resume", "visibilitychange"].includes(type) ? document : globalThis;
  target.dispatchEvent(Object.assign(new Event(type), { persisted: true, scene }));
};

const wallClock = Date.now;

/** The machine has slept for so long: its wall clock has gone on, its other clock has not. */
export const oversleep = (ms) => {
  const { now } = Date;
  Date.now = () => now() + ms;
};

let hosts = [];

/** Makes an end of what a failed test has left, before another one begins. */
export const forget = () => {
  for (const host of hosts) host.dismiss();
  hosts = [];
  Date.now = wallClock;
  holdTimers(false);
};

/** All that happened to the clients of this test. */
export const story = () =>
  hosts
    .filter((host) => host.scene === scene)
    .flatMap((host, index) => [`client ${index}: ${JSON.stringify(host.settings)}`, ...host.lines()])
    .join("\n");

/** What is planned for each time, the last one for ever. */
const nextOf = (plans) => (plans.length > 1 ? plans.shift() : plans[0]);

/** In a later task, as the driver is promised: what plain data a function seed would give. */
const answerOf = async (seed, signal) => {
  if (seed.documents) {
    const document = nextOf(seed.documents);
    await sleep(0);
    return { document };
  }
  let response;
  try {
    // A function seed may be deaf to its signal, and then answers late.
    response = await fetch(seed.url, { cache: "no-cache", ...(seed.deaf ? {} : { signal }) });
  } catch {
    throw { code: "seed-unreachable" };
  }
  if (!response.ok) return { response };
  try {
    return { response, document: await response.json() };
  } catch {
    throw { code: "list-not-json" };
  }
};

/** What the application has planned to do when it is asked, in a later task. */
const done = async ({ delay = 0, fail, hang }) => {
  await sleep(delay);
  if (fail) throw fail;
  if (hang) await new Promise(() => {});
};

export class Host {
  scene = scene;
  settings;
  credentials;
  #seeds;
  #protocols;
  #verdict;
  #prepare;
  #on;
  #driver;
  #live;
  /** Of each socket that was dialled, in order: its server, all that it said by itself, and the texts that came. */
  #connections = [];
  #flow;
  #records = [];
  #waits = [];
  #began = performance.now();

  /**
   * A JSON object: `seeds` (`{ url, deaf }` or `{ documents }`, one for each time it is asked, the last one for ever),
   * `protocols`, `verdict` (overrules the default), `on` (`{ type: "close" }` or another method of the driver: done when
   * the first such record is made; instead of a type also the name of a state), `credentials` and `prepare` (what is done
   * each time, the last one for ever: `{ delay, fail, hang }`; credentials may have a `query` and `protocols`), `allow`
   * (hosts), `rank` (by id), and any of the driver's settings.
   */
  constructor(setup) {
    const given = JSON.parse(setup);
    const { seeds = [], protocols = [], verdict, on = {}, credentials, prepare, allow, rank, ...settings } = given;
    this.settings = {
      seeds,
      bases: seeds.map(({ url }) => url ?? ""),
      seedTimeout: 2000,
      refreshInterval: Infinity,
      credentialTimeout: 2000,
      connectTimeout: 2000,
      minUptime: 300,
      closeTimeout: 1000,
      linger: 300,
      prepare,
      rebalance: false,
      allows: allow && ((url) => allow.includes(url.host)),
      rank: rank && (({ id }) => rank[id]),
      randomSeed: Math.floor(Math.random() * 2 ** 53),
      ...settings,
    };
    this.#seeds = seeds;
    this.#protocols = protocols;
    this.#verdict = verdict;
    this.#prepare = prepare;
    this.#on = on;
    this.credentials = credentials && ((server) => this.#credentials(nextOf(credentials), server));
    hosts.push(this);
  }

  employ(driver) {
    this.#driver = driver;
  }

  /** As the face does after the end; what comes later finds nobody. */
  dismiss() {
    this.ebb();
    const driver = this.#driver;
    this.#driver = undefined;
    driver?.free();
  }

  /** The time on the clock of the records. */
  now() {
    return performance.now() - this.#began;
  }

  /** Has the application do this when the next such record is made. */
  on(cue, action) {
    this.#on[cue] = action;
  }

  send(message) {
    this.#live.send(message);
  }

  /** Sends the texts "0", "1", "2", … from now on, so many ms apart. From now on, no record is made of what arrives. */
  flow(ms) {
    const flow = { sent: 0, unsent: 0, arrivals: [] };
    const send = () => {
      if (this.#live) this.#live.send(`${flow.sent++}`);
      else flow.unsent += 1;
    };
    flow.timer = setInterval(send, ms);
    this.#flow = flow;
  }

  /** Stops that. */
  ebb() {
    clearInterval(this.#flow?.timer);
  }

  /**
   * How many texts were sent, and how many were not for want of a connection; when anything arrived; and what came on each
   * connection, in order.
   */
  flowed() {
    const { sent, unsent, arrivals } = this.#flow;
    return JSON.stringify({ sent, unsent, arrivals, connections: this.#connections });
  }

  /** Of each socket that was dialled, in order: its server, and what it said by itself. */
  connections() {
    return JSON.stringify(this.#connections.map(({ server, events }) => ({ server, events })));
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
      (answer) => {
        this.#note("answer", { request, status: answer.response?.status });
        this.#driver?.answered(request, answer);
      },
      (error) => {
        this.#note("no answer", { request, code: error.code });
        this.#driver?.unanswered(request, error);
      },
    );
  }

  chose(url, server) {
    this.#note("chose", { url, server });
  }

  dial(url, protocols, server, beside) {
    this.#note("dial", { url, server, beside, protocols: protocols ?? null });
    const socket = new WebSocket(url, protocols ?? this.#protocols);
    socket.binaryType = "arraybuffer";
    const connection = { server: server.id, events: [], prepared: [], arrived: [], socket };
    Object.defineProperty(connection, "socket", { enumerable: false });
    this.#connections.push(connection);
    for (const type of ["open", "message", "error", "close"]) {
      socket.addEventListener(type, ({ code, wasClean }) => {
        connection.events.push({ type, at: this.now(), code, wasClean });
      });
    }
    return socket;
  }

  async #credentials(plan, server) {
    this.#note("credentials", { server });
    await done(plan);
    return { url: server.url + (plan.query ?? ""), protocols: plan.protocols ?? this.#protocols };
  }

  async prepare(socket, server) {
    const { prepared } = this.#connection(socket);
    this.#note("prepare", { server, url: socket.url });
    const answered = new Promise((resolve) => {
      socket.onmessage = ({ data }) => {
        prepared.push(data);
        if (data === "login") resolve();
      };
    });
    socket.send("login");
    await Promise.all([answered, done(nextOf(this.#prepare))]);
    this.#note("prepared", { server });
  }

  verdict({ code, reason, wasClean }, final) {
    this.#note("verdict", { code, reason, wasClean, final });
    return this.#verdict ?? !final;
  }

  changed() {
    this.#note("state", { state: STATES[this.#driver.state()] });
  }

  opened(socket, server) {
    this.#use("opened", socket, { server });
  }

  migrated(socket, server, reason) {
    this.#use("migrated", socket, { server, reason });
  }

  message({ data, target }) {
    const connection = this.#connection(target);
    connection.arrived.push(data);
    if (this.#flow) {
      this.#flow.arrivals.push(this.now());
      return;
    }
    this.#note("message", {
      server: connection.server,
      ...(typeof data === "string" ? { text: data } : { bytes: [...new Uint8Array(data)] }),
    });
  }

  beat(socket) {
    this.#note("beat", { server: this.#connection(socket).server });
    socket.send("ping");
    return true;
  }

  closed(detail) {
    this.#live = undefined;
    this.#note("closed", detail);
  }

  remember(list) {
    this.#note("remember", list);
  }

  emit(type, detail) {
    this.#note(type, detail);
  }

  #connection(socket) {
    return this.#connections.find((connection) => connection.socket === socket);
  }

  #use(type, socket, detail) {
    this.#live = socket;
    const { url, protocol, readyState } = socket;
    this.#note(type, { url, protocol, readyState, ...detail });
  }

  #of(type) {
    return this.#records.filter((record) => record.type === type);
  }

  #note(type, detail) {
    this.#records.push({ type, at: this.now(), ...JSON.parse(JSON.stringify(detail)) });
    // Listeners look at the socket in every event: the driver must always bear to be asked.
    JSON.stringify([this.#driver?.state(), this.#driver?.servers(), this.#driver?.snapshot()]);
    for (const cue of [type, detail.state]) {
      const action = this.#on[cue];
      delete this.#on[cue];
      if (action) {
        this.#note("done", { action });
        this.#driver[action](undefined, "");
      }
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

/** Firefox opens one after the other, whatever the port. */
export const opensSeveralAtOnce = () => !/Firefox/.test(navigator.userAgent);
