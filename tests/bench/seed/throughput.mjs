// GET /servers, beside the same bytes as a static file of nginx's.

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { freePort } from "../../support/environment.mjs";
import { startSeed, TOKEN } from "../../support/seed.mjs";
import { Program } from "./programs.mjs";

const SIZES = [10, 1_000];
const CONNECTIONS = 64;
const SECONDS = 4;

const servers = (count) =>
  Array.from({ length: count }, (_, number) => ({
    id: `lon-${number}`,
    url: `wss://lon-${number}.example.com/ws`,
    users: 700 + ((number * 37) % 300),
    capacity: 2_000,
    connectRate: 200,
  }));

/** The figures, each with what was measured in every round. */
export async function throughput(rounds) {
  const folder = await mkdtemp(join(tmpdir(), "evenkeel-bench-"));
  try {
    const figures = [];
    for (const size of SIZES) figures.push(...(await besideNginx(folder, size, rounds)));
    return figures;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function besideNginx(folder, size, rounds) {
  const file = join(folder, "fleet.json");
  await writeFile(file, JSON.stringify({ servers: servers(size) }));
  const seed = await startSeed({ token: TOKEN, arguments: ["--file", file, "--warm-up", 0] });
  let nginx;
  try {
    nginx = await startNginx(folder, await (await fetch(seed.list)).text());
    const figures = [];
    for (const encoding of ["identity", "gzip"]) {
      const urls = { nginx: nginx.url, seed: seed.list };
      figures.push(...(await alternately(urls, encoding, `${size} servers, ${encoding}`, rounds)));
    }
    return figures;
  } finally {
    await Promise.all([seed.stop(), nginx?.program.end("SIGTERM")]);
  }
}

async function startNginx(folder, body) {
  const port = await freePort();
  await writeFile(join(folder, "servers.json"), body);
  await writeFile(join(folder, "servers.json.gz"), gzipSync(body));
  const config = join(folder, "nginx.conf");
  // Its workers would be another user's, who may not read the folder.
  const user = process.getuid?.() === 0 ? "user root;" : "";
  await writeFile(
    config,
    `${user}
    worker_processes auto;
    error_log stderr crit;
    pid ${folder}/nginx.pid;
    daemon off;
    events { worker_connections 1024; }
    http {
      access_log off;
      sendfile on;
      tcp_nopush on;
      keepalive_requests 1000000;
      open_file_cache max=10;
      gzip_static on;
      server {
        listen 127.0.0.1:${port};
        root ${folder};
        default_type application/json;
        add_header Cache-Control "public, max-age=1, stale-while-revalidate=5";
        add_header Access-Control-Allow-Origin *;
      }
    }`,
  );
  const program = new Program("nginx", ["-p", folder, "-c", config]);
  const url = `http://127.0.0.1:${port}/servers.json`;
  await program.serving(async () => (await fetch(url)).ok);
  return { program, url };
}

/** Each as often the first as the other. */
async function alternately(urls, encoding, title, rounds) {
  const seen = { nginx: [], seed: [] };
  for (let round = 0; round < rounds; round += 1) {
    const names = round % 2 ? ["seed", "nginx"] : ["nginx", "seed"];
    for (const name of names) seen[name].push(await load(urls[name], encoding));
  }
  const figure = (what, unit, pick) => ({
    figure: `${title}: ${what}`,
    unit,
    base: "nginx",
    samples: Object.fromEntries(Object.entries(seen).map(([name, all]) => [name, all.map(pick)])),
  });
  return [
    figure("requests per second", "/s", ({ perSecond }) => perSecond),
    figure("99th percentile", "ms", ({ p99 }) => p99),
  ];
}

const UNITS = { us: 0.001, ms: 1, s: 1_000 };

/** As many requests as there can be, each after the answer to the last on its connection. */
async function load(url, encoding) {
  const threads = Math.max(1, Math.floor(availableParallelism() / 2));
  const program = new Program(
    "wrk",
    [`-t${threads}`, `-c${CONNECTIONS}`, `-d${SECONDS}s`, "--latency", "-H", `Accept-Encoding: ${encoding}`, url],
    { stdout: "pipe" },
  );
  const output = (await program.stdout.setEncoding("utf8").toArray()).join("");
  await program.end();
  const [, perSecond] = output.match(/Requests\/sec:\s+([\d.]+)/) ?? [];
  const [, p99, unit] = output.match(/99%\s+([\d.]+)(us|ms|s)/) ?? [];
  if (!perSecond || !p99 || /Non-2xx|Socket errors/.test(output)) throw new Error(`wrk says:\n${output}`);
  return { perSecond: Number(perSecond), p99: Number(p99) * UNITS[unit] };
}
