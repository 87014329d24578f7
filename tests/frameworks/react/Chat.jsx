import { BalancedWebSocket } from "evenkeel";
import { useBalancedWebSocket, useSocketEvent, useSocketState } from "evenkeel/react";
import { useState } from "react";

export function Chat({ seed }) {
  const socket = useBalancedWebSocket(() => new BalancedWebSocket(seed), [seed]);
  const { state, server } = useSocketState(socket);
  const [last, setLast] = useState("");
  useSocketEvent(socket, "message", (event) => setLast(event.data));
  return (
    <button type="button" onClick={() => socket?.send("hello")}>
      {state} {server?.id} <q>{last}</q>
    </button>
  );
}
