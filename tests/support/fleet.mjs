// Fleets of real servers for tests, each in a process that ends with the test file.

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { required } from "./environment.mjs";

const READY = "fleet ready: ";

/** Of a fleet whose lists are made often and whose deaths are noticed soon, so that tests wait for the client only. */
export const QUICK = { refresh: 100, detection: 300 };

/** Starts a fleet process on a free port of `host`. `mounts` maps paths to the folders served there. */
export async function startFleets(mounts = {}, host = "127.0.0.1") {
  const serve = Object.entries(mounts).flatMap(([path, folder]) => ["--serve", `${path}=${folder}`]);
  const child = spawn(required("EVENKEEL_FLEET_PROGRAM"), ["--host", host, "--port", "0", ...serve], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = new Promise((resolve, reject) => child.once("exit", resolve).once("error", reject));
  const ready = new Promise((resolve) => {
    createInterface(child.stdout).on("line", (line) => {
      if (line.startsWith(READY)) resolve(new URL(line.slice(READY.length)).origin);
    });
  });
  const failed = ended.then((code) => Promise.reject(new Error(`the fleet ended with ${code} before it served`)));
  const origin = await Promise.race([ready, failed]);
  return {
    origin,
    /** Makes a fleet of its own for one test: `{ servers: [...], refresh, ttl, detection }`. */
    make: async (spec) => new Fleet(await request("POST", `${origin}/fleets`, spec)),
    stop() {
      child.kill();
      return ended;
    },
  };
}

/** One fleet: its list and the faults it can be told to have. */
export class Fleet {
  #control;

  constructor({ list, control }) {
    /** The URL of its server list, which is what clients are given. */
    this.list = list;
    this.#control = control;
  }

  /** What is true of it: every server with its connections and behaviour. */
  state() {
    return request("GET", this.#control);
  }

  /** What is true of one server. */
  async server(id) {
    return (await this.state()).servers.find((server) => server.id === id);
  }

  /** Changes how one server behaves. */
  tell(id, behaviour) {
    return request("PATCH", `${this.#control}/servers/${id}`, behaviour);
  }

  /** Changes how every server of a priority group behaves. */
  tellGroup(priority, behaviour) {
    return request("PATCH", `${this.#control}/servers?priority=${priority}`, behaviour);
  }

  /** Changes how the list behaves. */
  tellList(behaviour) {
    return request("PATCH", `${this.#control}/list`, behaviour);
  }

  /** Has a server close its connections with a code. */
  close(id, code, reason = "") {
    return request("POST", `${this.#control}/servers/${id}/close`, { code, reason });
  }

  /** Ends every fault. */
  reset() {
    return request("POST", `${this.#control}/reset`);
  }

  /** Ends it, with all its connections. */
  remove() {
    return request("DELETE", this.#control);
  }
}

async function request(method, url, body) {
  const response = await fetch(url, {
    method,
    headers: { "content-type": "application/json" },
    body: body && JSON.stringify(body),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${url}: ${response.status} ${text}`);
  return text && JSON.parse(text);
}
