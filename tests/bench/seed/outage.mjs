// Redis is killed, and comes back with nothing, under servers that report and clients that ask: what clients see, by the second.

import { Agent, request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { gunzipSync } from "node:zlib";
import { startSeed, TOKEN } from "../../support/seed.mjs";
import { Redis } from "./programs.mjs";

const SERVERS = 1_000;
const REQUESTS_PER_SECOND = 1_000;
const TICK = 10; // ms
const TTL = 10; // seconds: the seed's default

/** What happens, by the second. */
const KILLED = 10;
const DEATHS = 15;
const BACK = 30;
const END = 45;

/** Servers that die while Redis is gone. */
const DYING = 50;

/** What a busy machine may add to a ttl before a server is found out, in ms. */
const SLACK = 2_000;

const agent = new Agent({ keepAlive: true, maxSockets: 64 });

/** `to`: "every" server reports to every seed, or each to "one". */
export async function outage(to) {
  const redis = await Redis.start();
  const seeds = await Promise.all(
    [1, 2].map(() => startSeed({ token: TOKEN, arguments: ["--registry", `redis://127.0.0.1:${redis.port}`] })),
  );
  const urls = seeds.map(({ list }) => list);
  const fleet = new Fleet(urls, to);
  const watch = new Watch(urls, fleet);
  try {
    await fleet.start();
    await watch.until((list) => list.servers.filter(({ available }) => available).length === SERVERS);
    const second = await watch.start();
    await second(KILLED);
    await redis.end("SIGKILL");
    await second(DEATHS);
    fleet.kill(DYING);
    await second(BACK);
    redis.start();
    await second(END);
    watch.end();
    return watch.seconds;
  } finally {
    watch.end();
    fleet.end();
    await Promise.all(seeds.map((seed) => seed.stop()));
    await redis.end();
    agent.destroy();
  }
}

/** Servers, as far as seeds know them. */
class Fleet {
  #urls;
  #to;
  #ended = false;
  /** When which server died. */
  deaths = new Map();

  constructor(urls, to) {
    this.#urls = urls;
    this.#to = to;
  }

  /** All of them, spread over a second. */
  async start() {
    for (let number = 0; number < SERVERS; number += 1) {
      const urls = this.#to === "every" ? this.#urls : [this.#urls[number % this.#urls.length]];
      for (const url of urls) this.#report(`s${number}`, `${url}/s${number}`, number);
      if (number % 10 === 9) await sleep(TICK);
    }
  }

  async #report(id, url, number) {
    while (!this.#ended && !this.deaths.has(id)) {
      const users = 500 + Math.floor(Math.random() * 100);
      const body = JSON.stringify({ url: `wss://s${number}.example.com/ws`, users, capacity: 2_000 });
      const answer = await ask(url, { method: "PUT", headers: { authorization: `Bearer ${TOKEN}` } }, body).catch(
        () => null,
      );
      const { reportAfter } = answer?.status === 200 ? JSON.parse(answer.body) : { reportAfter: 1 };
      await sleep(reportAfter * 1_000);
    }
  }

  kill(count) {
    for (let number = 0; number < count; number += 1) this.deaths.set(`s${number * 7}`, Date.now());
  }

  end() {
    this.#ended = true;
  }
}

/** Clients, and what they are told. */
class Watch {
  #urls;
  #fleet;
  #timer;
  /** Lists as they were read, by seed and ETag: each is read once. */
  #lists = new Map();
  seconds = [];

  constructor(urls, fleet) {
    this.#urls = urls;
    this.#fleet = fleet;
  }

  /** Waits until every seed's list is so. */
  async until(so) {
    for (const url of this.#urls) {
      for (;;) {
        const { status, body } = await ask(url);
        if (status === 200 && so(JSON.parse(body))) break;
        await sleep(100);
      }
    }
  }

  async start() {
    const start = Date.now();
    let sent = 0;
    this.#timer = setInterval(() => {
      const due = Math.floor(((Date.now() - start) * REQUESTS_PER_SECOND) / 1_000);
      for (; sent < due; sent += 1)
        this.#ask(this.#urls[sent % this.#urls.length], Math.floor((Date.now() - start) / 1_000));
    }, TICK);
    return (second) => sleep(start + second * 1_000 - Date.now());
  }

  end() {
    clearInterval(this.#timer);
  }

  async #ask(url, second) {
    this.seconds[second] ??= {
      second,
      answers: 0,
      failures: 0,
      waits: [],
      marked: 0,
      ages: [],
      available: [],
      wrong: [],
    };
    const seen = this.seconds[second];
    const asked = performance.now();
    const answer = await ask(url, { headers: { "accept-encoding": "gzip" } }).catch(() => null);
    if (answer?.status !== 200) {
      seen.failures += 1;
      return;
    }
    const key = `${url} ${answer.headers.etag}`;
    const list = this.#lists.get(key) ?? JSON.parse(gunzipSync(answer.body));
    this.#lists.set(key, list);
    const available = list.servers.filter((server) => server.available);
    seen.answers += 1;
    seen.waits.push(performance.now() - asked);
    seen.marked += list.stale ? 1 : 0;
    seen.ages.push(list.age);
    seen.available.push(available.length);
    seen.wrong.push(available.filter(({ id }) => this.#fleet.deaths.get(id) < Date.now() - TTL * 1_000 - SLACK).length);
  }
}

function ask(url, options = {}, body) {
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { agent, timeout: 5_000, ...options }, (response) => {
      const parts = [];
      response.on("data", (part) => parts.push(part));
      response.on("error", reject);
      response.on("end", () =>
        resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(parts) }),
      );
    });
    outgoing.on("timeout", () => outgoing.destroy(new Error("no answer")));
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}

const percentile = (values, part) => values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) * part)];

/** One line a second, and what happened in it. */
export function tableOf(seconds) {
  const events = { [KILLED]: "Redis killed", [DEATHS]: `${DYING} servers die`, [BACK]: "Redis back, empty" };
  const cells = seconds.map((it) => [
    it.second,
    it.answers,
    it.failures,
    percentile(it.waits, 0.5)?.toFixed(1),
    percentile(it.waits, 0.99)?.toFixed(1),
    `${Math.round((100 * it.marked) / Math.max(1, it.answers))} %`,
    Math.max(...it.ages).toFixed(1),
    `${Math.min(...it.available)}–${Math.max(...it.available)}`,
    Math.max(...it.wrong),
    events[it.second] ?? "",
  ]);
  const head = ["second", "lists", "failed", "median ms", "p99 ms", "marked", "oldest s", "available", "wrongly", ""];
  return [head, head.map(() => "---"), ...cells].map((line) => `| ${line.join(" | ")} |`).join("\n");
}
