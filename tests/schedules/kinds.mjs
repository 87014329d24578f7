// What the schedules must have had in them, lest something be tested by name only.

/** Fewer schedules than this may miss something by chance, but for the usual ones, of which it is known. */
export const ENOUGH = 10_000;

/** What can happen to a page (`Told` in `simulation/src/record.rs`). */
const TOLD = [
  "start",
  "timer",
  "look",
  "asleep",
  "awake",
  "online",
  "offline",
  "answer",
  "noAnswer",
  "open",
  "message",
  "closed",
  "credentials",
  "noCredentials",
  "prepared",
  "unprepared",
  "close",
  "reconnect",
  "migrate",
  "refresh",
];

/** What it can be seen to do (`Did` there). */
const DID = [
  "ask",
  "abort",
  "list",
  "decision",
  "inquire",
  "dial",
  "prepare",
  "ping",
  "close",
  "abandon",
  "message",
  "state",
  "open",
  "migrate",
  "error",
  "end",
  "judge",
  "retry",
];

/** How its state can change, but for what takes more than so many schedules. */
const TRANSITIONS = [
  "idle → connecting",
  "idle → offline",
  "connecting → offline",
  "connecting → open",
  "open → closed",
  "open → closing",
  "open → migrating",
  "open → offline",
  "open → reconnecting",
  "reconnecting → closing",
  "reconnecting → offline",
  "reconnecting → open",
  "migrating → closing",
  "migrating → open",
  "migrating → reconnecting",
  "offline → connecting",
  "offline → reconnecting",
  "closing → closed",
];

/** What can become of a message (`site/messages.js`). */
const FATES = ["given", "refused", "dropped overflow", "dropped closed", "handed over, close", "handed over, migrate"];

const ALL = [
  ...FATES,
  ...TOLD.map((kind) => `told ${kind}`),
  ...DID.map((kind) => `did ${kind}`),
  ...TRANSITIONS.map((kind) => `transition ${kind}`),
];

/** How often each kind of thing was. */
export class Kinds {
  #times = new Map(ALL.map((kind) => [kind, 0]));

  /** Adds what was counted somewhere; what was counted 0 times is to be seen elsewhere. */
  add(times) {
    for (const [kind, count] of Object.entries(times)) this.#times.set(kind, (this.#times.get(kind) ?? 0) + count);
  }

  get unseen() {
    return [...this.#times].filter(([, times]) => !times).map(([kind]) => kind);
  }
}
