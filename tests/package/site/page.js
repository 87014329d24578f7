// What the tests call in the page: sockets of the installed package, with a record of their events.

import * as inlined from "evenkeel";
import * as slim from "evenkeel/slim";

const entries = { inlined, slim };

// Fleets come and go by the same addresses: the list that one test leaves behind is not for the next one.
window.connect = (source, { entry = "inlined", protocols, ...options } = {}) => {
  const socket = new entries[entry].BalancedWebSocket(source, protocols, { cache: false, ...options });
  const record = { socket, events: [], messages: [], errors: [] };
  const note = (type, detail = {}) => record.events.push({ type, at: performance.now(), ...detail });
  socket.addEventListener("open", () => note("open", { server: socket.server.id, url: socket.url }));
  socket.addEventListener("error", () => note("error"));
  socket.addEventListener("close", ({ code, reason, wasClean }) =>
    note("close", { code, reason, wasClean, readyState: socket.readyState }),
  );
  socket.addEventListener("message", ({ data }) => record.messages.push(data));
  for (const type of ["retry", "decision", "list"]) socket.addEventListener(type, () => note(type));
  return record;
};

/** Resolves once the condition holds; fails when it has not within the time (ms). */
window.until = async (condition, what, patience = 20_000) => {
  const deadline = performance.now() + patience;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`not within ${patience} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
};

/** Resolves with the server's id once the socket stands. */
window.opened = async (record, patience) => {
  await window.until(() => record.socket.readyState === WebSocket.OPEN, "open", patience);
  return record.socket.server.id;
};

window.ready = true;
