// The fleet as it really is, read from its control API, and the faults sent to it. The client under test
// knows nothing of this: it sees the server list only.

const POLL = 500; // ms: quick enough to see a crowd move, slow enough to cost nothing
const SLOWEST_POLL = 5_000; // ms between tries while the control API does not answer
const PATIENCE = 4_000; // ms until a request counts as failed

/** Fires `change` whenever `truth` or `reachable` may be another one. */
export class Fleet extends EventTarget {
  /** The last answer of `GET /fleets/{name}`, or null before the first. */
  truth = null;
  /** Does the control API answer? Null until that is known. */
  reachable = null;

  #address;
  #changes = 0;

  constructor(address) {
    super();
    this.#address = address;
  }

  /** Polls for as long as the page lives. */
  async watch() {
    let failures = 0;
    for (;;) {
      const changes = this.#changes;
      let wait = POLL;
      try {
        const truth = await this.#request("GET", "");
        // An answer that was under way while a fault was sent may be older than the fault.
        if (changes === this.#changes) this.truth = truth;
        this.reachable = true;
        failures = 0;
      } catch {
        failures += 1;
        wait = Math.min(SLOWEST_POLL, POLL * 2 ** failures);
        this.reachable = false;
      }
      this.dispatchEvent(new Event("change"));
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }

  /** Changes one server's behaviour. */
  async changeServer(id, behaviour) {
    const server = await this.#send("PATCH", `/servers/${encodeURIComponent(id)}`, behaviour);
    if (this.truth) {
      const servers = this.truth.servers.map((other) => (other.id === id ? server : other));
      this.truth = { ...this.truth, servers };
      this.dispatchEvent(new Event("change"));
    }
  }

  /** Changes every server of a priority group. */
  async changeGroup(priority, behaviour) {
    await this.#send("PATCH", `/servers?priority=${priority}`, behaviour);
    await this.#readNow();
  }

  /** Closes the open connections of a server with a close code; resolves with how many there were. */
  async closeConnections(id, code) {
    return (await this.#send("POST", `/servers/${encodeURIComponent(id)}/close`, { code })).closed;
  }

  /** Changes how the list endpoint behaves. */
  async changeList(behaviour) {
    await this.#send("PATCH", "/list", behaviour);
    await this.#readNow();
  }

  /** Every fault off, and every dead server up; base loads stay as they are. */
  async reset() {
    await this.#send("POST", "/reset");
    await this.#readNow();
  }

  async #readNow() {
    this.truth = await this.#request("GET", "");
    this.dispatchEvent(new Event("change"));
  }

  async #send(method, path, body) {
    this.#changes += 1;
    try {
      return await this.#request(method, path, body);
    } finally {
      this.#changes += 1;
    }
  }

  async #request(method, path, body) {
    const response = await fetch(this.#address + path, {
      method,
      cache: "no-store",
      signal: AbortSignal.timeout(PATIENCE),
      ...(body === undefined ? {} : { headers: { "content-type": "application/json" }, body: JSON.stringify(body) }),
    });
    const answer = await response.json().catch(() => null);
    if (!response.ok) throw new Error(answer?.error ?? `the fleet answered ${response.status}`);
    return answer;
  }
}
