// A network of its own for a browser: a namespace that a pair of virtual links connects to this machine, where the fleets
// listen. What is done to it is felt by nobody else, and all of it goes when the namespace does.

import { spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { freePort } from "./environment.mjs";
import { run } from "./package.mjs";
import { relay } from "./relay.mjs";

const RELAY = fileURLToPath(new URL("relay.mjs", import.meta.url));

/** How long a driver may take to start, and the time between two looks, in ms. */
const START = 20_000;
const POLLING = 100;

/** Why there can be no namespaces here, or undefined. */
export function whyNoNamespace() {
  if (process.platform !== "linux") return "network namespaces are Linux's";
  if (process.getuid() !== 0) return "only root can make network namespaces";
  const { error } = spawnSync("ip", ["-V"]);
  return error && "the program ip is missing: install iproute2";
}

/** A network that no machine has for good: it is set aside for measuring others. The process's number tells ours apart. */
const network = `198.18.${process.pid % 256}`;

/** On this machine: for the page, and for each contestant's fleet. */
const HOSTS = [1, 11, 12, 13, 14].map((host) => `${network}.${host}`);
/** In the namespace, and where it moves to. */
const HOME = `${network}.2`;
const AWAY = `${network}.3`;

/** A link address that no machine has. */
const NOBODY = "02:00:00:00:00:01";

export class Namespace {
  hosts = HOSTS;
  #name = `evenkeel-${process.pid}`;
  #here = `evk${process.pid}a`;
  #there = `evk${process.pid}b`;
  #children = [];
  #servers = [];
  #folder;
  #hasWayOut;

  /** `wayOut`: with a route to everywhere, without which WebKitGTK takes itself for offline. */
  static async make({ wayOut = false } = {}) {
    const namespace = new Namespace();
    namespace.#hasWayOut = wayOut;
    await namespace.#make().catch(async (error) => {
      await namespace.remove();
      throw error;
    });
    return namespace;
  }

  async #make() {
    await removeLeftOvers();
    this.#folder = await mkdtemp(join(tmpdir(), "evenkeel-namespace-"));
    await ip("netns", "add", this.#name);
    await ip("link", "add", this.#here, "type", "veth", "peer", "name", this.#there, "netns", this.#name);
    for (const host of HOSTS) await ip("address", "add", `${host}/24`, "dev", this.#here);
    await ip("link", "set", this.#here, "up");
    await this.#inside("address", "add", `${HOME}/24`, "dev", this.#there);
    await this.#inside("link", "set", "lo", "up");
    await this.#plugIn();
  }

  /** Does something while the network is unplugged, as the browser can see. */
  async whileUnplugged(action) {
    await this.#inside("link", "set", this.#there, "down");
    try {
      await action();
    } finally {
      await this.#plugIn();
    }
  }

  /** Does something while every packet to the namespace vanishes, sent to a machine that is not there: nobody is told. */
  async whileSwallowing(action) {
    const neighbour = [HOME, "dev", this.#here];
    await ip("neighbour", "replace", ...neighbour, "lladdr", NOBODY, "nud", "permanent");
    try {
      await action();
    } finally {
      await ip("neighbour", "delete", ...neighbour);
    }
  }

  /** Gives the browser's machine another address, as another network would; and its own again. */
  move() {
    return this.#exchange(HOME, AWAY);
  }

  moveBack() {
    return this.#exchange(AWAY, HOME);
  }

  /** Starts a WebDriver in the namespace, and gives the address at which this process reaches it. */
  async startDriver(program, environment = process.env) {
    const [port, other] = [await freePort(), await freePort()];
    // Firefox's driver has a second port, for the protocol that goes both ways.
    const second = program.includes("gecko") ? ["--websocket-port", String(other)] : [];
    this.#start(program, [`--port=${port}`, ...second], environment);
    await this.#reach(port);
    if (second.length) await this.#reach(other);
    const address = `http://127.0.0.1:${port}`;
    const deadline = Date.now() + START;
    while (!(await answers(`${address}/status`))) {
      if (Date.now() > deadline) throw new Error(`${program} did not start within ${START} ms`);
      await pause(POLLING);
    }
    return address;
  }

  async remove() {
    for (const server of this.#servers) server.close();
    for (const child of this.#children) child.kill();
    await Promise.all(this.#children.map(({ ended }) => ended));
    // The namespace takes the link with it, but not at once.
    await ip("link", "delete", this.#here);
    await ip("netns", "delete", this.#name);
    await rm(this.#folder, { recursive: true });
  }

  async #plugIn() {
    await this.#inside("link", "set", this.#there, "up");
    await this.#leadOut();
  }

  /** A route goes with the link, and with the address. */
  async #leadOut() {
    if (this.#hasWayOut) await this.#inside("route", "replace", "default", "via", HOSTS[0]);
  }

  /** The old one first: of two in one network, the later would go with the earlier. */
  async #exchange(old, other) {
    await this.#inside("address", "delete", `${old}/24`, "dev", this.#there);
    await this.#inside("address", "add", `${other}/24`, "dev", this.#there);
    await this.#leadOut();
  }

  #inside(...words) {
    return ip("-netns", this.#name, ...words);
  }

  #start(program, parameters, env = process.env) {
    const child = spawn("ip", ["netns", "exec", this.#name, program, ...parameters], { stdio: "ignore", env });
    child.ended = new Promise((resolve) => child.once("exit", resolve));
    this.#children.push(child);
    return child;
  }

  /** Makes a port of the namespace's loopback the same port here: by a socket in the file system, which both see. */
  async #reach(port) {
    const path = join(this.#folder, String(port));
    this.#start(process.execPath, [RELAY, path, String(port)]);
    this.#servers.push(await relay({ port, host: "127.0.0.1" }, { path }));
  }
}

/** Deletes the namespaces of processes that were killed before they could. */
async function removeLeftOvers() {
  for (const [name, pid] of (await ip("netns", "list")).matchAll(/^evenkeel-(\d+)/gm)) {
    if (!existsSync(`/proc/${pid}`)) await ip("netns", "delete", name);
  }
}

const ip = (...words) => run("ip", words);

/** Whether anything is had from this address. A connection that ends at once may leave Node's fetch waiting for ever. */
const answers = (address) =>
  fetch(address, { signal: AbortSignal.timeout(POLLING) }).then(
    ({ ok }) => ok,
    () => false,
  );
