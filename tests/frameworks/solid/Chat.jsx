import { BalancedWebSocket } from "evenkeel";
import { observe } from "evenkeel/store";
import { createSignal, from, onCleanup } from "solid-js";
import { isServer } from "solid-js/web";

export function Chat(props) {
  const socket = isServer ? null : new BalancedWebSocket(props.seed);
  const connection = from(observe(socket));
  const [last, setLast] = createSignal("");
  socket?.addEventListener("message", (event) => setLast(event.data));
  onCleanup(() => socket?.close());
  return (
    <button type="button" onClick={() => socket?.send("hello")}>
      {connection().state} {connection().server?.id} <q>{last()}</q>
    </button>
  );
}
