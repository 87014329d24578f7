// The seed's program beside the tests: what an operator runs, and servers report to.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { required } from "./environment.mjs";

const READY = "seed ready: ";

/** Starts a seed that anybody may report to, on a free port or on this one, with further arguments. */
export async function startSeed({ port = 0, arguments: more = [] } = {}) {
  const child = spawn(required("EVENKEEL_SEED_PROGRAM"), ["--listen", `127.0.0.1:${port}`, "--no-auth", ...more], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, RUST_LOG: "error" },
  });
  const ended = once(child, "exit");
  const ready = new Promise((resolve) => {
    createInterface(child.stdout).on("line", (line) => {
      if (line.startsWith(READY)) resolve(line.slice(READY.length));
    });
  });
  const failed = ended.then(([code]) => Promise.reject(new Error(`the seed ended with ${code} before it served`)));
  const list = await Promise.race([ready, failed]);
  failed.catch(() => {});
  return {
    /** The URL of its list. */
    list,
    port: Number(new URL(list).port),
    /** Ends it as a supervisor does, or at once. */
    async stop(signal = "SIGTERM") {
      child.kill(signal);
      await ended;
    },
    /** How many watch it. */
    async watchers() {
      const text = await (await fetch(new URL("metrics", list))).text();
      return Number(/^evenkeel_seed_watchers (\d+)$/m.exec(text)?.[1]);
    },
  };
}
