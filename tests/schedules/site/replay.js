// Plays what a client was told natively to the package, over a platform in our hands, and compares what it does.

import { BalancedWebSocket, createSelector } from "/dist/index.js";
import { Messages } from "./messages.js";
import { deferred, Platform, settled } from "./platform.js";

/** How long a client may take to end when it is told to, in ms: the longest of its timeouts, and then some. */
const END = 60_000;

/** One client, its application, and its platform. */
class Life {
  #inquiries = new Map();
  #preparations = new Map();
  #made;

  constructor(now, made) {
    this.#made = made;
    this.platform = new Platform(now, made);
    this.messages = new Messages(this.platform, made.random[1]);
  }

  start() {
    const { platform } = this;
    const { seeds, cached, fallback, credentials, prepares, verdicts, options } = this.#made;
    const urls = Array.from({ length: seeds }, (_, seed) => `https://seed${seed}.example/list`);
    if (cached) {
      const { document, ago } = cached;
      platform.storage.set("list", JSON.stringify({ document, base: urls[0], at: Date.now() - ago }));
    }
    this.socket = new BalancedWebSocket(urls, [], {
      ...options,
      ...this.messages.options,
      refreshInterval: options.refreshInterval ?? false,
      autoConnect: false,
      cache: "list",
      fallback,
      ...(credentials && { url: (server) => this.#inquire(server) }),
      ...(verdicts && { shouldReconnect: (event) => this.#judge(event, verdicts) }),
      ...(prepares && { prepare: (socket) => this.#prepare(socket) }),
    });
    this.#listen();
    this.messages.watch(this.socket);
    this.socket.connect();
  }

  #listen() {
    const { socket } = this;
    const { did } = this.platform;
    const on = (type, tell) => socket.addEventListener(type, (event) => did.push(tell(event)));
    on("statechange", ({ state }) => ({ did: "state", state }));
    on("list", ({ seed, servers }) => ({ did: "list", seed, servers }));
    on("decision", ({ server, group, probability, reason }) => {
      this.platform.attempts++;
      return { did: "decision", server: server.id, group, probability, reason };
    });
    on("open", () => ({ did: "open" }));
    on("message", ({ data }) => ({ did: "message", attempt: Number(data) }));
    on("migrate", ({ to, reason }) => ({ did: "migrate", to: to.id, reason }));
    on("error", () => ({ did: "error" }));
    on("close", ({ code, reason }) => ({ did: "end", code, reason }));
    on("retry", ({ delay, cause, attempt }) => ({ did: "retry", delay, cause, attempt }));
  }

  #inquire({ url }) {
    const attempt = this.platform.attempts;
    this.platform.did.push({ did: "inquire", attempt });
    const inquiry = deferred();
    this.#inquiries.set(attempt, { ...inquiry, answer: `${url}?ticket=${attempt}` });
    return inquiry.promise;
  }

  #prepare({ attempt }) {
    this.platform.did.push({ did: "prepare", attempt });
    const preparation = deferred();
    this.#preparations.set(attempt, preparation);
    return preparation.promise;
  }

  #judge({ code }, verdicts) {
    this.platform.did.push({ did: "judge", code });
    return verdicts[code];
  }

  /** Causes what the client was told. */
  cause({ what, how, attempt, code, ...rest }) {
    const { platform, socket } = this;
    if (what === "start") this.start();
    else if (what === "timer") platform.fireTimer();
    else if (what === "look") platform.look();
    else if (what === "asleep") platform.asleep(how);
    else if (what === "awake") platform.awake(how);
    else if (what === "online" || what === "offline") platform.network(what === "online");
    else if (what === "answer") platform.answer(rest);
    else if (what === "noAnswer") platform.fail(rest);
    else if (what === "open") platform.socket(attempt).open();
    else if (what === "message") platform.socket(attempt).deliver(`${attempt}`);
    else if (what === "closed") platform.socket(attempt).end(code);
    else if (what === "credentials") this.#inquiries.get(attempt).resolve(this.#inquiries.get(attempt).answer);
    else if (what === "noCredentials") this.#inquiries.get(attempt).reject(new Error("no credentials"));
    else if (what === "prepared") this.#preparations.get(attempt).resolve();
    else if (what === "unprepared") this.#preparations.get(attempt).reject(new Error("not prepared"));
    else socket[what]();
  }

  /** Lets everything come of it that comes of it at this instant. */
  async settle() {
    do await settled();
    while (this.platform.runTasks());
  }

  /** Ends it, if it has not ended, and says what is left of it. */
  async end() {
    const { platform, socket } = this;
    const deadline = platform.now + END;
    socket.close();
    for (;;) {
      for (const each of platform.sockets.values()) if (each.readyState === 2) each.end(1000);
      await this.settle();
      if (socket.state === "closed") break;
      const [{ at } = { at: Infinity }] = platform.timers.values();
      if (at > deadline) throw new Error(`told to close, it stays ${socket.state}`);
      platform.now = Math.max(platform.now, at);
      platform.fireTimer();
    }
    return platform.leftovers();
  }
}

/** What a client did, and what it is like then; what is the package's own at the start comes in any order. */
function shown({ did, timer, server }, isStart) {
  const lines = did.map((one) => JSON.stringify(one));
  if (isStart) lines.sort();
  return [...lines, `timer: ${timer}, server: ${server ?? null}`].join("\n");
}

function compare({ platform, socket, messages }, step) {
  const isStart = step.told.what === "start";
  const timers = [...platform.timers.values()].map(({ at }) => at);
  const did = platform.did.splice(0);
  const expected = shown(step, isStart);
  const actual = shown({ did, timer: timers.join() || null, server: socket.server?.id }, isStart);
  if (expected !== actual) return { expected, actual };
  const [violation] = messages.violations;
  return violation && { expected: "every message kept, in order, or told of", actual: violation };
}

/** The furthest that the beginning of a connection's end lies before its end, in steps. */
const ENDING = 3;

/**
 * By step, the attempts whose servers begin to close them before it: browsers say so in `readyState` before they fire
 * `close`, and nothing arrives in between.
 */
function endingsOf(steps) {
  const endings = new Map();
  steps.forEach(({ told: { what, attempt } }, end) => {
    if (what !== "closed") return;
    let begin = end;
    while (begin > 0 && end - begin < ENDING && steps[begin - 1].told.attempt !== attempt) begin--;
    endings.set(begin, [...(endings.get(begin) ?? []), attempt]);
  });
  return endings;
}

async function play({ schedule, client, made, steps }, count) {
  const life = new Life(steps[0].at, made);
  const restore = life.platform.install();
  const endings = endingsOf(steps);
  let step = 0;
  try {
    for (; step < steps.length; step++) {
      const { at, told } = steps[step];
      life.platform.now = at;
      for (const attempt of endings.get(step) ?? []) life.platform.sockets.get(attempt)?.beginToEnd();
      life.messages.sendSome();
      life.cause(told);
      life.messages.sendSome();
      await life.settle();
      life.messages.check();
      const difference = compare(life, steps[step]);
      if (difference) return { schedule, client, step, told, ...difference };
    }
    const left = await life.end();
    life.messages.check();
    const [violation] = life.messages.violations;
    if (violation || Object.values(left).some(Boolean)) {
      return { schedule, client, step, expected: "nothing is left", actual: violation ?? JSON.stringify(left) };
    }
    count(life.messages.fates);
    return undefined;
  } catch (error) {
    return {
      schedule,
      client,
      step,
      told: steps[step]?.told,
      expected: "no error",
      actual: `${error}\n${error.stack}`,
    };
  } finally {
    restore();
  }
}

/**
 * Plays every client of a file of records, until one differs. Gives the difference, if there is one, and counts what was
 * played.
 */
export async function replay(url) {
  // From here on the wasm is there at once.
  await createSelector();
  const text = await (await fetch(url, { cache: "no-store" })).text();
  const seen = {};
  const count = (times) => {
    for (const [kind, more] of Object.entries(times)) seen[kind] = (seen[kind] ?? 0) + more;
  };
  let [clients, played] = [0, 0];
  for (const line of text.trim().split("\n")) {
    const record = JSON.parse(line);
    const difference = await play(record, count);
    if (difference) return { difference };
    clients++;
    played += record.steps.length;
    for (const { told, did } of record.steps) {
      count({ [`told ${told.what}`]: 1 });
      for (const { did: deed } of did) count({ [`did ${deed}`]: 1 });
    }
  }
  return { clients, steps: played, seen };
}
