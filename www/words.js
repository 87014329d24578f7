// The package speaks in short codes; this page explains them. A code without an explanation here is shown as it is.

const STATES = {
  idle: "Not started.",
  connecting: "Reading the list, choosing, opening the first connection.",
  open: "The connection stands.",
  reconnecting: "The connection was lost; waiting for a turn, then choosing again.",
  migrating: "Opening the next connection before leaving this one.",
  offline: "The browser says that there is no network: the next try waits for it, half a minute at most.",
  closing: "Saying goodbye.",
  closed: "Closed for good.",
};

const CAUSES = {
  crash: "the connection broke",
  refused: "the server refused the connection",
  "short-lived": "the connection did not last",
  "sent-away": "the server sent its clients away",
  overload: "the server has too much to do",
  local: "the trouble was on this side, and no server’s",
  credentials: "there were no credentials, or the server wants others",
  "nothing-eligible": "no server can be chosen",
  "seed-timeout": "the list took too long",
  "seed-unreachable": "the list cannot be reached",
  "seed-overloaded": "the list’s server has too much to do",
  "seed-expired": "the list’s server wants other credentials",
  "seed-forbidden": "the list’s server refuses this page",
  "seed-status": "there was an error instead of a list",
  "seed-bad-list": "what came was no list",
};

const REASONS = {
  preferred: "it is in the preferred group",
  spill: "the groups before it are filling up",
  failover: "no server of the groups before it can be chosen",
  guess: "the list offers no server, so one is tried",
  return: "the trouble was on this side, so it goes back to where it was",
};

/** Why a connection is left while it stands. */
const MOVES = {
  drain: "the list asks its clients to leave",
  failback: "a better group has room again",
  rebalance: "it had more than its part of the users",
  affinity: "the clients of its key meet elsewhere",
  requested: "you asked for it",
  wake: "nobody could tell whether it had outlived a sleep or another network",
  return: "the new connection was lost at once",
};

/** Within which time: many clients leave for the same reason, and must not arrive all at once. */
const LEAVES_WITHIN = { drain: "30 s", failback: "10 s", rebalance: "10 s", affinity: "10 s" };

/** Why a server has no chance: a word or two, and in full. */
const EXCLUSIONS = {
  unavailable: ["unavailable", "the list says that it is not available"],
  draining: ["draining", "the list asks its clients to leave, and no new ones to come"],
  lost: ["lost", "this client’s connection to it broke; left out until a newer list shows that it lives"],
  ejected: ["put aside", "it refused or dropped this client; left out for a while, longer each time"],
  overloaded: ["too busy", "it had too much to do a moment ago; left out this once"],
  current: ["being left", "this client is about to leave it"],
};

const CLOSE_CODES = {
  1000: "normal closure",
  1001: "going away",
  1005: "no code given",
  1006: "no goodbye",
  1011: "server error",
  1012: "service restart",
  1013: "try again later",
};

const plain = (code) => String(code).replaceAll("-", " ");
const look = (table, code) => table[code] ?? plain(code);

export const explainState = (state) => look(STATES, state);
export const explainCause = (cause) => look(CAUSES, cause);
export const explainReason = (reason) => look(REASONS, reason);
export const explainMove = (reason) => look(MOVES, reason);
export const leavesWithin = (reason) => (LEAVES_WITHIN[reason] ? `within ${LEAVES_WITHIN[reason]}` : "soon");
export const nameExclusion = (reason) => EXCLUSIONS[reason]?.[0] ?? plain(reason);
export const explainExclusion = (reason) => EXCLUSIONS[reason]?.[1] ?? plain(reason);
/** A list that fails is asked for again; that has nothing to do with attempts to connect. */
export const isAboutTheList = (cause) => cause.startsWith("seed-");
export const explainClose = (code) => (CLOSE_CODES[code] ? `${code}, ${CLOSE_CODES[code]}` : String(code));

/** Group 0 is the one that is preferred; what comes after it is what it spills into. */
export function groupName(priority, all) {
  const place = all.indexOf(priority);
  if (all.length < 2) return "the only group";
  return place === 0 ? "preferred" : place === 1 ? "takes what spills over" : "last resort";
}

/** What is true of a server, as short chips: `[{ text, tone }]`, the gravest first. */
export function serverConditions({ behaviour, draining }) {
  if (!behaviour.alive) return [{ text: "dead", tone: "bad" }];
  const chips = [];
  if (behaviour.frozen) chips.push({ text: "frozen", tone: "cold" });
  if (behaviour.handshake === "refuse") chips.push({ text: "refusing", tone: "bad" });
  if (behaviour.handshake === "drop") chips.push({ text: "accepts, then closes", tone: "bad" });
  if (behaviour.handshake === "hang") chips.push({ text: "never answers", tone: "bad" });
  if (behaviour.handshakeDelay > 0) chips.push({ text: "slow handshake", tone: "warn" });
  if (behaviour.draining || draining) chips.push({ text: "draining", tone: "warn" });
  return chips.length > 0 ? chips : [{ text: "up", tone: "good" }];
}

/**
 * Where the list says something else than the truth: short texts, none when it is right. A count that is merely a
 * moment behind is no difference; `stuck` says that the listed one has not moved for a while.
 */
export function listedOtherwise({ behaviour, listed, users }, stuck) {
  if (listed === null) return ["not in the list"];
  const differences = [];
  const available = listed.available !== false;
  if (available !== behaviour.alive) differences.push(available ? "listed as available" : "listed as unavailable");
  if (behaviour.alive && stuck && listed.users !== users) differences.push(`listed with ${listed.users}`);
  return differences;
}
