// A bad line on command: a proxy between a page and a fleet, for the connections to its servers and for its list, in which
// it stands for them.

import { once } from "node:events";
import { createServer as createSeed } from "node:http";
import { connect, createServer } from "node:net";
import { pipeline } from "node:stream";
import { setTimeout as pause } from "node:timers/promises";

export class FaultyProxy {
  /** Where the list is had: `close()` it, and `listen()` again. */
  seed;
  #line = new Line();
  #doors = [];

  /** Stands at the fleet's own host, on other ports. */
  static async open(fleet) {
    const proxy = new FaultyProxy();
    const { hostname } = new URL(fleet.list);
    const { servers } = await fleet.state();
    const addresses = new Map();
    for (const { url } of servers) {
      const door = new Listener(createServer(proxy.#line.taking(new URL(url))), hostname);
      proxy.#doors.push(door);
      await door.listen();
      addresses.set(new URL(url).host, door.host);
    }
    proxy.urls = servers.map(({ url }) => replaceAll(url, addresses));
    proxy.seed = new Listener(createSeed(passingOn(fleet.list, addresses)), hostname);
    await proxy.seed.listen();
    proxy.list = `http://${proxy.seed.host}/servers`;
    return proxy;
  }

  /** Every piece of data that sets out from now on takes so many ms, in each direction. */
  delay(time) {
    this.#line.delay = time;
  }

  /** Nothing gets through until it is to flow again. */
  stall() {
    this.#line.stall();
  }

  flow() {
    this.#line.flow();
  }

  /** Resets every connection. */
  cut() {
    this.#line.cut();
  }

  /** Sends something to every client that no server has sent. */
  inject(bytes) {
    this.#line.inject(bytes);
  }

  /** Takes no more connections, until it is to accept them again. */
  async refuse() {
    for (const door of this.#doors) await door.close();
  }

  async accept() {
    for (const door of this.#doors) await door.listen();
  }

  async close() {
    await this.refuse();
    await this.seed.close();
    this.flow();
    this.cut();
  }
}

/** The connections, and how all of them are. */
class Line {
  delay = 0;
  #pairs = new Set();
  #flowing = Promise.resolve();
  #flow = () => undefined;

  /** What to do with a client's connection: join it to one of its own at `host`. */
  taking({ hostname, port }) {
    return (near) => {
      const far = connect({ host: hostname, port });
      const pair = { near, far };
      this.#pairs.add(pair);
      for (const socket of [near, far]) {
        socket.setNoDelay();
        // What follows an error is an end.
        socket.on("error", () => undefined);
      }
      const carry = (chunks) => this.#carry(chunks);
      // An end of either is the end of both.
      const ended = (error) => {
        if (error) for (const socket of [near, far]) socket.destroy();
      };
      pipeline(near, carry, far, ended);
      pipeline(far, carry, near, ended);
      near.once("close", () => this.#pairs.delete(pair));
    };
  }

  stall() {
    this.#flowing = new Promise((resolve) => {
      this.#flow = resolve;
    });
  }

  flow() {
    this.#flow();
  }

  cut() {
    for (const { near, far } of this.#pairs) for (const socket of [near, far]) socket.resetAndDestroy();
  }

  inject(bytes) {
    for (const { near } of this.#pairs) near.write(bytes);
  }

  async *#carry(chunks) {
    for await (const chunk of chunks) {
      if (this.delay) await pause(this.delay);
      await this.#flowing;
      yield chunk;
    }
    await this.#flowing;
  }
}

/** A server that can be closed, and listen again on the same port. */
class Listener {
  #server;
  #hostname;
  #port = 0;

  constructor(server, hostname) {
    this.#server = server;
    this.#hostname = hostname;
  }

  get host() {
    return `${this.#hostname}:${this.#port}`;
  }

  async listen() {
    this.#server.listen(this.#port, this.#hostname);
    await once(this.#server, "listening");
    this.#port = this.#server.address().port;
  }

  /** Does not wait for the connections that there are: these go on, but for those of HTTP. */
  async close() {
    this.#server.close();
    this.#server.closeAllConnections?.();
  }
}

/** Answers with what `list` has, the addresses in it replaced. */
const passingOn = (list, addresses) => async (request, response) => {
  const aborted = new AbortController();
  response.once("close", () => aborted.abort());
  try {
    const ifNoneMatch = request.headers["if-none-match"];
    const headers = ifNoneMatch ? { "if-none-match": ifNoneMatch } : {};
    const answer = await fetch(list, { headers, redirect: "manual", signal: aborted.signal });
    const body = replaceAll(await answer.text(), addresses);
    const kept = ["cache-control", "content-type", "etag", "retry-after"].filter((name) => answer.headers.has(name));
    response.writeHead(answer.status, {
      "access-control-allow-origin": "*",
      "access-control-expose-headers": "Age, ETag, Retry-After",
      ...Object.fromEntries(kept.map((name) => [name, answer.headers.get(name)])),
    });
    response.end(body);
  } catch {
    response.destroy();
  }
};

const replaceAll = (text, addresses) =>
  [...addresses].reduce((replaced, [from, to]) => replaced.replaceAll(from, to), text);
