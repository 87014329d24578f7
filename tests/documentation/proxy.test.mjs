// The reverse proxy of docs/networks.md, in nginx itself.

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { WebSocket } from "ws";
import { BalancedWebSocket } from "../../dist/index.js";
import { freePort } from "../support/environment.mjs";
import { startFleets } from "../support/fleet.mjs";
import { blocks } from "./blocks.mjs";
import { until } from "./programs.mjs";

const { error } = spawnSync("nginx", ["-v"]);

test("nginx serves the list and passes connections on", { skip: error && "there is no nginx" }, async () => {
  const [{ code }] = (await blocks("docs/networks.md")).filter(({ language }) => language === "nginx");
  const folder = await mkdtemp(join(tmpdir(), "evenkeel-nginx-"));
  const fleets = await startFleets();
  const fleet = await fleets.make({ servers: [{ count: 1 }] });
  const [server] = (await (await fetch(fleet.list)).json()).servers;
  const port = await freePort();
  const here = code
    .replace("443 ssl", `127.0.0.1:${port}`)
    .replace("http://127.0.0.1:8080", server.url.replace(/^ws/, "http").replace(/\/$/, ""))
    .replace("/srv/www", folder);
  const files = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (kind) => `${kind}_temp_path ${folder}/${kind};`,
  );
  // Its workers would be another user's, who may not read the folder.
  const user = process.getuid?.() === 0 ? "user root;" : "";
  const whole = `${user} daemon off; pid ${folder}/pid; error_log stderr; worker_processes 1;
    events {} http { access_log off; ${files.join(" ")} ${here} }`;
  await writeFile(join(folder, "nginx.conf"), whole);
  await mkdir(join(folder, "logs"));
  await writeFile(join(folder, "servers"), JSON.stringify([{ url: "/ws" }]));
  const nginx = spawn("nginx", ["-p", folder, "-c", join(folder, "nginx.conf")], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  const ended = new Promise((resolve) => nginx.once("exit", resolve));
  const url = `http://127.0.0.1:${port}/servers`;
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
    assert.equal(socket.url, `ws://127.0.0.1:${port}/ws`);
  } finally {
    socket?.close();
    nginx.kill();
    await ended;
    await fleet.remove();
    await fleets.stop();
    await rm(folder, { recursive: true, force: true });
  }
});
