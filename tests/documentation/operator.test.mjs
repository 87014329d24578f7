// docs/seed.md, as an operator follows it: its commands in a shell, with real seeds, servers, a client and Redis.

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { after, before, test } from "node:test";
import { freePort, required } from "../support/environment.mjs";
import { root } from "../support/package.mjs";
import { blocks } from "./blocks.mjs";
import { makeFolder, until } from "./programs.mjs";

const PAGE = "docs/seed.md";
const PORTS = [8080, 8081, 9001, 9002, 9003, 6379];

const { error: noRedis } = spawnSync("redis-server", ["--version"]);

let folder;
let shell;
let here;
const urls = {};
before(async () => {
  folder = await makeFolder();
  const ports = new Map();
  for (const port of PORTS) ports.set(port, await freePort());
  for (const port of [8080, 8081]) urls[port] = `http://127.0.0.1:${ports.get(port)}/servers`;
  here = (code) =>
    PORTS.reduce((text, port) => text.replaceAll(`:${port}`, `:${ports.get(port)}`), code)
      .replaceAll(/(PORT=|--port )(\d+)/g, (_, before, port) => before + ports.get(Number(port)))
      .replaceAll(/npm run seed( --)?/g, `${required("EVENKEEL_SEED_PROGRAM")} --listen 127.0.0.1:${ports.get(8080)}`)
      // An address of its own takes the place of the first.
      .replaceAll(/--listen \S+(?= .*--listen )/g, "");
  shell = spawn("bash", { cwd: root, stdio: ["pipe", "pipe", "inherit"], detached: true });
  shell.stdout.resume();
});
after(async () => {
  if (shell) {
    const ended = new Promise((resolve) => shell.once("exit", resolve));
    process.kill(-shell.pid, "SIGKILL");
    await ended;
  }
  await folder?.remove();
});

/** The blocks under a heading, as they are here. */
const under = async (heading) =>
  (await blocks(PAGE)).filter((block) => block.heading === heading).map(({ code }) => here(code));

const type = (code) => shell.stdin.write(code);
const list = async (url) => (await fetch(url).catch(() => undefined))?.json().catch(() => undefined);
const ids = ({ servers } = {}) => servers?.filter(({ available }) => available).map(({ id }) => id) ?? [];

test("the README begins with the same commands", async () => {
  const under = async (page, heading) => (await blocks(page)).filter((block) => block.heading === heading);
  const readme = await under("README.md", "Your servers behind it");
  const all = await under(PAGE, "Three servers and a seed");
  assert.deepEqual(
    readme.map(({ code }) => code),
    all.slice(0, 2).map(({ code }) => code),
  );
});

test("three servers are put behind one seed; a client goes where there are users to be, and leaves who is drained", async () => {
  const [seed, servers, client, drain, undrain] = await under("Three servers and a seed");
  type(seed.replace("npm ci --ignore-scripts\n", ""));
  await until(async () => (await fetch(urls[8080]).catch(() => undefined))?.status, "the seed");
  type(servers);
  await until(async () => ids(await list(urls[8080])).length === 3, "all three in the list");
  const file = await folder.write("client.mjs", client);
  const output = [];
  shell.stdout.setEncoding("utf8").on("data", (text) => output.push(text));
  type(`node ${file} &\n`);
  await until(() => output.join("").includes("at "), "the connection");
  const users = async () => Object.fromEntries((await list(urls[8080])).servers.map(({ id, users }) => [id, users]));
  const [, first] = output.join("").match(/at (\w+)/);
  await until(async () => (await users())[first] === 1, "the count");
  const of = (code) => code.replace("/one/", `/${first}/`);
  type(of(drain));
  await until(() => /at \w+\n(?:.*\n)*?moving\nat \w+/.test(output.join("")), "the move", 60_000);
  type(of(undrain));
  await until(async () => !(await list(urls[8080])).servers.some(({ draining }) => draining), "the end of the drain");
});

test("two seeds with Redis take its place, and know the same", { skip: noRedis && "there is no Redis" }, async () => {
  const [seeds, servers] = await under("Two seeds and Redis");
  type(seeds);
  await until(async () => (await fetch(urls[8081]).catch(() => undefined))?.status, "the other seed");
  type(servers);
  for (const url of Object.values(urls))
    await until(async () => ids(await list(url)).join() === "one,three,two", `all three in ${url}`);
  const [one, other] = await Promise.all(Object.values(urls).map(list));
  assert.deepEqual(ids(one), ids(other));
});

test("curl reports, and is told when to do so again", async () => {
  const [code] = await under("Reporting");
  type(`${code.trim()} > ${folder.folder}/answer\n`);
  await until(async () => ids(await list(urls[8080])).includes("lon-1"), "the report");
});

test("tokens and a file as they are shown are understood", async () => {
  const files = [...(await under("Reporting")).slice(1), ...(await under("A file"))];
  const [tokens, fleet] = await Promise.all(
    ["tokens.toml", "fleet.toml"].map((name, index) => folder.write(name, files[index])),
  );
  const seed = spawn(
    required("EVENKEEL_SEED_PROGRAM"),
    ["--listen", "127.0.0.1:0", "--tokens", tokens, "--file", fleet, "--warm-up", "0"],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  const ended = new Promise((resolve) => seed.once("exit", resolve));
  try {
    const [, url] = String(await new Promise((resolve) => seed.stdout.once("data", resolve))).match(/ready: (\S+)/);
    const report = (id, host) =>
      fetch(`${url}/${id}`, {
        method: "PUT",
        headers: { authorization: `Bearer ${tokens && /secret = "(\w+)"/.exec(files[0])[1]}` },
        body: JSON.stringify({ url: `wss://${host}/ws` }),
      });
    assert.equal((await report("lon-1", "a.lon.example.com")).status, 200);
    assert.equal((await report("ams-1", "a.lon.example.com")).status, 403);
    assert.equal((await report("lon-2", "elsewhere.example")).status, 403);
    const { servers } = await until(async () => {
      const found = await list(url);
      return found?.servers.length === 2 && found;
    }, "both servers");
    assert.deepEqual(
      servers.map(({ id, draining, priority, capacity }) => ({ id, draining, priority, capacity })),
      [
        { id: "ams-1", draining: undefined, priority: undefined, capacity: 2_000 },
        { id: "lon-1", draining: true, priority: 2, capacity: undefined },
      ],
    );
  } finally {
    seed.kill();
    await ended;
  }
});
