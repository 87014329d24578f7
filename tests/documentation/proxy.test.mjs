// The reverse proxies of docs/networks.md and docs/seed.md, in nginx itself.

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { WebSocket } from "ws";
import { BalancedWebSocket } from "../../dist/index.js";
import { freePort, required } from "../support/environment.mjs";
import { startFleets } from "../support/fleet.mjs";
import { blocks } from "./blocks.mjs";
import { until } from "./programs.mjs";

const { error } = spawnSync("nginx", ["-v"]);

const skip = error && "there is no nginx";

/** nginx with the configuration of this page, changed for this machine, and a folder for it. */
async function proxy(page, change) {
  const [{ code }] = (await blocks(page)).filter(({ language }) => language === "nginx");
  const folder = await mkdtemp(join(tmpdir(), "evenkeel-nginx-"));
  const port = await freePort();
  const here = change(code.replace("443 ssl", `127.0.0.1:${port}`), folder);
  const files = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (kind) => `${kind}_temp_path ${folder}/${kind};`,
  );
  // Its workers would be another user's, who may not read the folder.
  const user = process.getuid?.() === 0 ? "user root;" : "";
  const whole = `${user} daemon off; pid ${folder}/pid; error_log stderr; worker_processes 1;
    events {} http { access_log off; ${files.join(" ")} ${here} }`;
  await writeFile(join(folder, "nginx.conf"), whole);
  await mkdir(join(folder, "logs"));
  const nginx = spawn("nginx", ["-p", folder, "-c", join(folder, "nginx.conf")], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  const ended = new Promise((resolve) => nginx.once("exit", resolve));
  return {
    folder,
    origin: `http://127.0.0.1:${port}`,
    async stop() {
      nginx.kill();
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

test("nginx serves the list and passes connections on", { skip }, async () => {
  const fleets = await startFleets();
  const fleet = await fleets.make({ servers: [{ count: 1 }] });
  const [server] = (await (await fetch(fleet.list)).json()).servers;
  const nginx = await proxy("docs/networks.md", (code, folder) =>
    code
      .replace("http://127.0.0.1:8080", server.url.replace(/^ws/, "http").replace(/\/$/, ""))
      .replace("/srv/www", folder),
  );
  await writeFile(join(nginx.folder, "servers"), JSON.stringify([{ url: "/ws" }]));
  const url = `${nginx.origin}/servers`;
  let socket;
  try {
    const { headers } = await until(() => fetch(url).catch(() => undefined), "an answer of nginx");
    assert.deepEqual(
      ["content-type", "access-control-allow-origin", "access-control-expose-headers", "cache-control"].map((name) =>
        headers.get(name),
      ),
      ["application/json", "*", "Age, ETag, Retry-After", "public, max-age=1"],
    );
    assert.ok(headers.get("etag"));
    socket = new BalancedWebSocket(url, [], { WebSocket });
    const echoes = [];
    socket.addEventListener("message", ({ data }) => echoes.push(data));
    socket.send("hello");
    await until(() => echoes.includes("hello"), "the echo");
    assert.equal(socket.url, `${nginx.origin.replace("http", "ws")}/ws`);
  } finally {
    socket?.close();
    await nginx.stop();
    await fleet.remove();
    await fleets.stop();
  }
});

test("nginx before seeds passes on the list and its events, and nothing that changes them", { skip }, async () => {
  const port = await freePort();
  const seed = spawn(
    required("EVENKEEL_SEED_PROGRAM"),
    ["--listen", `127.0.0.1:${port}`, "--no-auth", "--warm-up", "0"],
    {
      stdio: "ignore",
    },
  );
  const ended = new Promise((resolve) => seed.once("exit", resolve));
  // The other one of the two is dead, which nginx finds out by itself.
  const dead = await freePort();
  const nginx = await proxy("docs/seed.md", (code) =>
    code.replace("127.0.0.1:8080", `127.0.0.1:${port}`).replace("127.0.0.1:8081", `127.0.0.1:${dead}`),
  );
  const put = (origin) =>
    fetch(`${origin}/servers/one`, { method: "PUT", body: JSON.stringify({ url: "ws://one.example.com/" }) });
  const ending = new AbortController();
  try {
    await until(async () => (await put(`http://127.0.0.1:${port}`).catch(() => undefined))?.ok, "a report");
    const listed = () => fetch(`${nginx.origin}/servers`).then((answer) => answer.json());
    const { servers } = await until(async () => {
      const list = await listed().catch(() => undefined);
      return list?.servers?.length && list;
    }, "the list");
    assert.equal(servers[0].id, "one");
    assert.equal((await put(nginx.origin)).status, 405);
    assert.equal((await fetch(`${nginx.origin}/servers`, { method: "PUT", body: "{}" })).status, 403);
    const stream = await fetch(`${nginx.origin}/watch`, { signal: ending.signal });
    const [first] = await stream.body
      .pipeThrough(new TextDecoderStream())
      .values()
      .next()
      .then(({ value }) => [value]);
    assert.match(first, /^event: list\n/);
  } finally {
    ending.abort();
    await nginx.stop();
    seed.kill();
    await ended;
  }
});
