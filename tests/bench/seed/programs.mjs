// Programs side by side on this machine: Redis, nginx, wrk.

import { spawn } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "../../support/environment.mjs";

/** How long a program may take to serve, in ms. */
const START = 20_000;

/** A program that ends with this one. */
export class Program {
  #child;
  #ended;

  constructor(name, args, { env = {}, stdout = "ignore" } = {}) {
    this.#child = spawn(name, args, { stdio: ["ignore", stdout, "inherit"], env: { ...process.env, ...env } });
    this.#ended = new Promise((resolve, reject) => this.#child.once("exit", resolve).once("error", reject));
    // Whoever waits for it is told; nobody else needs to be.
    this.#ended.catch(() => {});
  }

  get stdout() {
    return this.#child.stdout;
  }

  /** Waits until it ends by itself, or by this signal. */
  end(signal) {
    if (signal) this.#child.kill(signal);
    return this.#ended;
  }

  /** Waits until there is an answer. */
  async serving(ask) {
    const deadline = Date.now() + START;
    while (!(await Promise.race([ask().catch(() => false), this.#ended.then(() => Promise.reject("it has ended"))]))) {
      if (Date.now() > deadline) throw new Error("it does not serve");
      await sleep(20);
    }
  }
}

/** A Redis, or a Valkey, that keeps nothing. It can be killed and started again, on the same port. */
export class Redis {
  #program;

  static async start() {
    const redis = new Redis();
    redis.port = await freePort();
    redis.start();
    return redis;
  }

  start() {
    const args = ["--port", String(this.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
    this.#program = new Program("redis-server", args);
  }

  end(signal = "SIGTERM") {
    return this.#program.end(signal);
  }
}
