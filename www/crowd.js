// A crowd of real clients: each one reads the list, decides and connects by itself, as so many people's pages would.

import { el, fill, setText } from "./dom.js";

/** Browsers allow 200 to 255 WebSockets in all; some are left for this page and its neighbours. */
export const LARGEST_CROWD = 150;

const BATCH = 5; // opened at once
const PAUSE = 250; // ms between batches
const SEED_PATIENCE = 8_000; // ms until a shared request is given up
const SHARED_FOR = 1_000; // ms for which an answer serves everyone: the list is made anew once a second

export class Crowd {
  #open;
  #members = [];
  #target = 0;
  #timer = null;

  /** `open(seed)` makes one client. */
  constructor(seedUrl, open) {
    const seed = shareRequests(seedUrl);
    this.#open = () => open(seed);
  }

  get size() {
    return this.#members.length;
  }

  /** Grows to `target` clients, a few at a time. */
  grow(target) {
    this.#target = Math.min(target, LARGEST_CROWD);
    this.#timer ??= setInterval(() => {
      const missing = Math.min(BATCH, this.#target - this.#members.length);
      for (let index = 0; index < missing; index += 1) this.#members.push(this.#open());
      if (this.#members.length >= this.#target) this.#pause();
    }, PAUSE);
  }

  /** Sends everyone home. */
  stop() {
    this.#pause();
    this.#target = 0;
    for (const member of this.#members) member.close();
    this.#members = [];
  }

  /** How many are open on each server (a Map by id), connecting for the first time, or waiting to come back. */
  census() {
    const open = new Map();
    let [connecting, waiting] = [0, 0];
    for (const { state, server } of this.#members) {
      if (state === "open" || state === "migrating") open.set(server.id, (open.get(server.id) ?? 0) + 1);
      else if (state === "connecting" || state === "idle") connecting += 1;
      else waiting += 1;
    }
    return { open, connecting, waiting };
  }

  #pause() {
    clearInterval(this.#timer);
    this.#timer = null;
  }
}

/**
 * A seed function whose callers share each request, and its answer for a second. A browser opens no more than six
 * connections to a host over HTTP/1.1: while the list hangs, a crowd that asked one by one would leave none for the button
 * that mends it.
 */
function shareRequests(url) {
  let request = null;
  const forget = () => {
    request = null;
  };
  const ask = async () => {
    const response = await fetch(url, { cache: "no-store", signal: AbortSignal.timeout(SEED_PATIENCE) });
    if (!response.ok) throw new Error(`the seed answered ${response.status}`);
    return { list: await response.json(), at: performance.now() };
  };
  return async () => {
    if (!request) {
      request = ask();
      request.then(() => setTimeout(forget, SHARED_FOR), forget);
    }
    const { list, at } = await request;
    // The counts have aged since.
    return { ...list, age: list.age + (performance.now() - at) / 1_000 };
  };
}

/** Shows a census as rows of dots, one dot a client. */
export class CrowdPanel {
  #parts;

  constructor(parts) {
    this.#parts = parts;
  }

  render(crowd, servers) {
    const { open, connecting, waiting } = crowd.census();
    const total = [...open.values()].reduce((sum, number) => sum + number, 0);
    setText(this.#parts.open, String(total));
    setText(this.#parts.size, String(crowd.size));
    const priorities = [...new Set(servers.map((server) => server.priority))].sort((a, b) => a - b);
    const rows = [
      ...servers.map(({ id, priority }) => ({
        label: id,
        number: open.get(id) ?? 0,
        place: Math.min(priorities.indexOf(priority), 2),
      })),
      { label: "connecting", number: connecting, place: "connecting" },
      { label: "waiting", number: waiting, place: "waiting" },
    ];
    fill(this.#parts.rows, rows.length, () =>
      el(
        "li",
        { class: "crowd-row" },
        el("span", { class: "crowd-label" }),
        el("span", { class: "dots", "aria-hidden": "true" }),
        el("span", { class: "crowd-count" }),
      ),
    );
    rows.forEach(({ label, number, place }, index) => {
      const row = this.#parts.rows.children[index];
      const [name, dots, value] = row.children;
      row.dataset.place = place;
      setText(name, label);
      setText(value, String(number));
      fill(dots, number, () => el("i"));
    });
  }
}
