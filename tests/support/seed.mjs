// The seed's program beside the tests: what an operator runs, and servers report to.

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { required } from "./environment.mjs";

const READY = "seed ready: ";

/** What servers report with. */
export const TOKEN = "0123456789abcdef";

/** Starts a seed that takes reports with TOKEN, and makes its list often; a report is good for `ttl` seconds. */
export const startQuickSeed = ({ ttl = 10, port } = {}) =>
  startSeed({ port, token: TOKEN, arguments: ["--ttl", ttl, "--refresh", 50, "--warm-up", 0] });

/** Starts a seed that takes reports with this token, or from anybody, on a free port or on this one, with further arguments. */
export async function startSeed({ port = 0, token, arguments: more = [] } = {}) {
  const access = token ? [] : ["--no-auth"];
  const child = spawn(
    required("EVENKEEL_SEED_PROGRAM"),
    ["--listen", `127.0.0.1:${port}`, ...access, ...more.map(String)],
    {
      stdio: ["ignore", "pipe", "inherit"],
      env: { ...process.env, RUST_LOG: "error", ...(token && { EVENKEEL_SEED_TOKEN: token }) },
    },
  );
  const ended = new Promise((resolve, reject) => child.once("exit", resolve).once("error", reject));
  const ready = new Promise((resolve) => {
    createInterface(child.stdout).on("line", (line) => {
      if (line.startsWith(READY)) resolve(line.slice(READY.length));
    });
  });
  const failed = ended.then((code) => Promise.reject(new Error(`the seed ended with ${code} before it served`)));
  const list = await Promise.race([ready, failed]);
  failed.catch(() => {});
  return {
    /** The URL of its list, which servers report to. */
    list,
    port: Number(new URL(list).port),
    /** What it lists of a server, or undefined. */
    async server(id) {
      const { servers } = await (await fetch(list)).json();
      return servers.find((server) => server.id === id);
    },
    /** How many watch it. */
    async watchers() {
      const text = await (await fetch(new URL("metrics", list))).text();
      return Number(/^evenkeel_seed_watchers (\d+)$/m.exec(text)?.[1]);
    },
    /** Ends it as a supervisor does, or at once. */
    async stop(signal = "SIGTERM") {
      child.kill(signal);
      await ended;
    },
  };
}
