// Where a client runs: in a process of Node's or in a page of a browser. Both are driven by the same calls.

import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { BROWSERS, launch } from "../../support/browser.mjs";
import { bundle } from "./bundle.mjs";

/** Node with `ws`, and every browser. */
export const ENGINES = ["node", ...BROWSERS];

export const openStage = (engine, play, site) =>
  engine === "node" ? InNode.open(play) : InBrowser.open(engine, play, site);

class InNode {
  #process;
  #calls = 0;
  /** What to do with the answers that are awaited, by the number of the call. */
  #awaited = new Map();

  static async open(play) {
    const stage = new InNode();
    const program = fileURLToPath(new URL("node.mjs", import.meta.url));
    stage.#process = fork(program, [await bundle(play, "node")]);
    await once(stage.#process, "message");
    stage.#process.on("message", ({ id, value, error }) => {
      const { resolve, reject } = stage.#awaited.get(id);
      stage.#awaited.delete(id);
      if (error) reject(new Error(`in the client: ${error}`));
      else resolve(value);
    });
    stage.#process.on("exit", (code) => {
      for (const { reject } of stage.#awaited.values()) reject(new Error(`the client ended with ${code}`));
    });
    return stage;
  }

  /** Calls a function of support/client.js. */
  call(name, ...values) {
    const id = ++this.#calls;
    return new Promise((resolve, reject) => {
      this.#awaited.set(id, { resolve, reject });
      this.#process.send({ id, name, values });
    });
  }

  async leave() {
    this.#process.kill();
  }
}

class InBrowser {
  #page;

  static async open(engine, play, site) {
    const stage = new InBrowser();
    const address = site.serve(await bundle(play, engine));
    stage.#page = await launch(engine);
    await stage.#page.open(site.origin);
    await stage.#page.run(async (module) => {
      window.client = await import(module);
    }, address);
    return stage;
  }

  async call(name, ...values) {
    return this.#page.run((method, parameters) => window.client[method](...parameters), name, values);
  }

  async leave() {
    await this.#page.quit();
  }
}
