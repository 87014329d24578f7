import { useBalancedWebSocket, useSocketEvent, useSocketState } from "evenkeel/react";

/** Writes down what the hooks do with a socket that the test moves by hand. */
export function Probe({ label, make, log }) {
  const socket = useBalancedWebSocket(make);
  const state = useSocketState(socket, (snapshot) => snapshot.state);
  log.push(`${label} rendered ${state}`);
  useSocketEvent(socket, "message", ({ data }) => log.push(`${label} heard ${data}`));
  return state;
}
