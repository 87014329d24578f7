// Turns what the socket tells into lines of the timeline.

import { count, duration, percent } from "./format.js";
import { explainCause, explainClose, explainReason } from "./words.js";

const VERSION = 8; // characters of a version: a hash needs no more to be told from the next

/** Writes every event of `socket` into `timeline`, messages excepted. */
export function record(socket, timeline) {
  let version = null;
  let state = socket.state;
  let stood = false;

  socket.addEventListener("statechange", (event) => {
    timeline.add("state", `${state} → ${event.state}`);
    state = event.state;
  });
  socket.addEventListener("list", (list) => {
    // The same list read again is no news.
    if (list.version === version && list.dropped.length === 0) return;
    version = list.version;
    const dropped = list.dropped.map(({ index, code }) => `entry ${index}: ${code}`).join(", ");
    timeline.add("list", `${count(list.servers, "server")}, version ${list.version.slice(0, VERSION)}`, {
      note: dropped,
    });
  });
  socket.addEventListener("decision", ({ server, group, probability, reason }) => {
    const text = `${server.id}, with a chance of ${percent(probability)}, in group ${group}`;
    timeline.add("decision", text, { note: explainReason(reason) });
  });
  socket.addEventListener("retry", ({ delay, cause, attempt, error }) => {
    const text = `in ${duration(delay)}, since ${explainCause(cause)} (attempt ${attempt})`;
    timeline.add("retry", text, { tone: "warn", note: error?.message });
  });
  socket.addEventListener("open", () => {
    stood = true;
    timeline.add("open", `connected to ${socket.server.id}`, { tone: "good" });
  });
  socket.addEventListener("close", ({ code, reason, wasClean }) => {
    const what = stood ? "lost" : "attempt failed";
    const text = `${socket.server?.id ?? "no server"}, ${what}: ${explainClose(code)}${wasClean ? "" : ", not clean"}`;
    stood = false;
    timeline.add("close", text, { tone: "bad", note: reason });
  });
  socket.addEventListener("error", ({ error }) => {
    if (error) timeline.add("error", error.message, { tone: "bad", note: error.remedy });
  });
  socket.addEventListener("drop", ({ messages, reason }) => {
    timeline.add("drop", `${count(messages.length, "message")} will not be sent: ${reason}`, { tone: "bad" });
  });
}
