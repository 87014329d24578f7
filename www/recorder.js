// Turns what the socket tells into lines of the timeline.

import { count, duration, percent, shortVersion } from "./format.js";
import { explainCause, explainClose, explainMove, explainReason, isAboutTheList } from "./words.js";

/** Writes every event of `socket` into `timeline`, messages excepted. */
export function record(socket, timeline) {
  let told = "";
  let state = socket.state;
  let stood = false;
  let moves = 0;

  socket.addEventListener("statechange", (event) => {
    timeline.add("state", `${state} → ${event.state}`);
    if (state === "migrating" && event.state === "open") {
      const before = moves;
      // If it has moved, the event that says so comes before this does.
      queueMicrotask(() => {
        if (moves === before) timeline.add("migrate", "the other connection did not come about: all stays as it was");
      });
    }
    state = event.state;
  });
  socket.addEventListener("list", (list) => {
    const dropped = list.dropped.map(({ index, code }) => `entry ${index}: ${code}`);
    const conditions = socket.servers.flatMap(({ id, available, draining }) =>
      !available ? [`${id} unavailable`] : draining ? [`${id} draining`] : [],
    );
    // It is read every few seconds, and counts always differ: what is news is who can be chosen.
    const ids = socket.servers.map(({ id }) => id);
    const news = JSON.stringify([ids, conditions, dropped]);
    if (news === told) return;
    told = news;
    const text = [`${count(list.servers, "server")}, version ${shortVersion(list.version)}`, ...conditions];
    timeline.add("list", text.join(", "), {
      note: [...(list.seed === null ? ["from the last visit"] : []), ...dropped].join(", "),
    });
  });
  socket.addEventListener("decision", ({ server, group, probability, reason }) => {
    const text = `${server.id}, with a chance of ${percent(probability)}, in group ${group}`;
    timeline.add("decision", text, { note: explainReason(reason) });
  });
  socket.addEventListener("retry", ({ delay, cause, attempt, error }) => {
    // Seeds that fail, and trouble of our own, do not count.
    const which = attempt > 0 && !isAboutTheList(cause) ? ` (attempt ${attempt})` : "";
    const text = `in ${duration(delay)}, since ${explainCause(cause)}${which}`;
    timeline.add("retry", text, { tone: "warn", note: error?.message });
  });
  socket.addEventListener("open", () => {
    stood = true;
    timeline.add("open", `connected to ${socket.server.id}`, { tone: "good" });
  });
  socket.addEventListener("migrate", ({ from, to, reason }) => {
    moves += 1;
    timeline.add("migrate", `${from.id} → ${to.id}, without a gap: ${explainMove(reason)}`, { tone: "move" });
  });
  socket.addEventListener("close", ({ code, reason, wasClean, handedOver }) => {
    const what = stood ? "lost" : "attempt failed";
    const text = `${socket.server?.id ?? "no server"}, ${what}: ${explainClose(code)}${wasClean ? "" : ", not clean"}`;
    stood = false;
    const unsure = handedOver > 0 ? [`${count(handedOver, "byte")} may not have arrived`] : [];
    timeline.add("close", text, { tone: "bad", note: [...(reason ? [reason] : []), ...unsure].join(", ") });
  });
  socket.addEventListener("error", ({ error }) => {
    if (error) timeline.add("error", error.message, { tone: "bad", note: error.remedy });
  });
  socket.addEventListener("drop", ({ messages, reason }) => {
    timeline.add("drop", `${count(messages.length, "message")} will not be sent: ${reason}`, { tone: "bad" });
  });
}
