// The driver over a core moved by hand.
import { Driver } from "../../dist/driver.js";

/** The core's commands, as `src/web/core.rs` has them. */
export const says = {
  state: () => [0],
  fetch: (request, seed = 0) => [1, request, seed, 0],
  watch: (request, seed = 0) => [1, request, seed, 1],
  cancel: (request) => [2, request],
  connect: (attempt, { beside = false, server = 0 } = {}) => [3, attempt, +beside, server, 0, 1, 0],
  opened: (attempt) => [4, attempt],
  close: (attempt) => [5, attempt],
  abandon: (attempt) => [6, attempt],
  lost: (attempt, { final = false, moved = -1 } = {}) => [7, attempt, +final, moved],
  retry: (delay, cause, attempt) => [8, delay, cause, attempt],
  prepare: (attempt) => [9, attempt],
  migrated: (attempt, reason, from) => [10, attempt, reason, from],
  beat: (attempt) => [11, attempt],
  retire: (attempt) => [12, attempt],
  resort: ({ fallback }) => [13, +fallback],
};

const WORDS = [
  ["unavailable", "draining"],
  ["preferred", "spill"],
  ["seed-timeout", "seed-overloaded", "crash", "seed-bad-list"],
  ["url-missing", "url-forbidden"],
  ["drain", "failback"],
];

const TOLD = [
  ...["start", "dialed", "no credentials", "opened", "prepared", "unprepared", "close", "reconnect", "migrate"],
  ...["refresh", "offline", "online", "wake", "not asked", "leave", "stream heard", "hidden", "look"],
];

/** What `tell` is called with, by name. */
export const told = (name, attempt = 0) => ["tell", TOLD.indexOf(name), attempt];

/** The platform's socket: `closed` is what it was closed with, each time. */
class Wire {
  readyState = 0;
  closed = [];
  close(...farewell) {
    this.closed.push(farewell);
  }
}

const ids = ["a", "b"];

/** A promise, and what settles it. */
export function deferred() {
  const made = {};
  made.promise = new Promise((resolve, reject) => Object.assign(made, { resolve, reject }));
  return made;
}

/**
 * A driver whose core says what is in `commands`: `does` adds some and has them carried out. `heard` is what the core was
 * told, without the time; `told` what the face was; `wires` the sockets dialled.
 */
export function rig({ face = {}, settings = {}, make = () => new Wire(), inForce = true } = {}) {
  const rig = { commands: [], heard: [], told: [], wires: [], state: 1, timeout: Infinity, inForce, asks: true };
  const noted =
    (name) =>
    (_now, ...given) => {
      rig.heard.push([name, ...given]);
    };
  class Core {
    static words = () => WORDS.map((names) => `${names.join(",")},`).join(";");
    static isFinal = (code) => code === 4000;
    constructor(...given) {
      Object.assign(rig, { core: this, given });
    }
    take(_now, from, length, _numbers, _text, age, maxAge, received) {
      rig.heard.push(["take", from, length, age, maxAge, received]);
      if (rig.unusable) return undefined;
      return rig.inForce;
    }
    tell = noted("tell");
    heard = (...given) => rig.heard.push(["heard", ...given]);
    asks = () => rig.asks;
    closed = noted("closed");
    listFailed = noted("listFailed");
    poll = () => rig.commands.shift();
    timeout = () => rig.timeout;
    state = () => rig.state;
    servers = () => Float64Array.from({ length: 11 * ids.length }, (_, at) => (at % 11 === 7 ? -1 : 0));
    id = (server) => ids[server];
    url = (server) => `ws://${ids[server]}.example/`;
    summary = () => Float64Array.of(2, 10, Number.NaN);
    status = () => Float64Array.of(-1, Number.NaN, 0, 0, Number.NaN, Number.NaN, -1);
    assess() {}
    free = () => rig.heard.push(["free"]);
  }
  const noting =
    (name) =>
    (...given) => {
      rig.told.push([name, ...given]);
    };
  rig.face = {
    ask: (...given) => noting("ask")(...given),
    credentials: undefined,
    chose: (_, server) => noting("chose")(server.id),
    dial(...given) {
      noting("dial")(...given);
      const wire = make();
      rig.wires.push(wire);
      return wire;
    },
    prepare: async () => {},
    verdict: (_, final) => !final,
    changed() {},
    opened: (_, server) => noting("opened")(server.id),
    migrated: (_, server, reason) => noting("migrated")(server.id, reason),
    message: ({ data }) => noting("message")(data),
    beat(...given) {
      noting("beat")(...given);
      return true;
    },
    closed: noting("closed"),
    remember: noting("remember"),
    emit: noting("emit"),
    ...face,
  };
  rig.driver = new Driver(Core, rig.face, {
    seeds: ["https://seed.example/s"],
    bases: ["https://seed.example/s"],
    refreshInterval: 60_000,
    ...settings,
  });
  rig.does = (...commands) => {
    rig.commands.push(...commands);
    rig.driver.refresh();
  };
  /** An attempt whose connection stands. */
  rig.opens = (attempt, options) => {
    rig.does(says.connect(attempt, options));
    const wire = rig.wires.at(-1);
    wire.readyState = 1;
    rig.commands.push(says.opened(attempt));
    wire.onopen();
    return wire;
  };
  /** What the core has heard since, but for what the rig itself told it. */
  rig.since = () => rig.heard.splice(0).filter(([name, what]) => name !== "tell" || what !== TOLD.indexOf("refresh"));
  return rig;
}
