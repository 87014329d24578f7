import { BalancedWebSocket, createSelector, EvenkeelError } from "evenkeel";
import { useBalancedWebSocket, useSocketEvent, useSocketState } from "evenkeel/react";
import { BalancedWebSocket as Slim } from "evenkeel/slim";
import { observe, type SocketSnapshot } from "evenkeel/store";

const socket = new BalancedWebSocket(["https://a.example/servers", "https://b.example/servers"], "chat.v1", {
  connectTimeout: 5_000,
  overflow: "drop-oldest",
  shouldReconnect: (event) => event.code !== 4001,
});
socket.addEventListener("open", () => socket.send(new Uint8Array([1, 2, 3])));
socket.addEventListener("retry", ({ delay, cause, attempt }) => console.log(delay + attempt, cause.length));
socket.onclose = ({ code, reason, wasClean }) => console.log(code + 1, reason.length, wasClean);
const standard: WebSocket = socket;
standard.close(1000, "done");

new Slim({ servers: [{ url: "wss://a.example/ws", users: 1 }] }, [], { wasm: new URL("https://a.example/x.wasm") });

const selector = await createSelector({ randomSeed: 1 });
const chosen = selector.select({ lost: ["a"] });
if (chosen) console.log(chosen.server.id.length, chosen.probability + chosen.group);
for (const { id, probability } of selector.probabilities()) console.log(id.length, probability + 1);

try {
  selector.update({ servers: [] });
} catch (error) {
  if (error instanceof EvenkeelError) console.log(error.code.length, error.remedy.length);
}

const snapshot: SocketSnapshot = observe(null).getSnapshot();
console.log(snapshot.state.length, snapshot.servers.length);
const leave: () => void = observe(socket).subscribe(({ retry }) => console.log((retry?.at ?? 0) + 1));
leave();
export function component(): number {
  const made: Slim | null = useBalancedWebSocket(() => new Slim("https://a.example/servers"), ["a"]);
  useSocketEvent(made, "close", ({ moved }: { moved: boolean }) => moved);
  const delay: number = useSocketState(made, ({ retry }) => retry?.delay ?? 0);
  return useSocketState(socket).readyState + delay;
}
// @ts-expect-error: a kind of event that there is not
useSocketEvent(socket, "closed", () => {});
// @ts-expect-error: a snapshot never changes
observe(socket).getSnapshot().state = "open";

// @ts-expect-error: an option that does not exist
new BalancedWebSocket("https://a.example/servers", [], { timeout: 1 });
// @ts-expect-error: a source that is none
new BalancedWebSocket(42);
