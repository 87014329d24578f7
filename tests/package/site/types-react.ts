// The store and the hooks, as a page in TypeScript sees them.
import { BalancedWebSocket } from "evenkeel";
import { useBalancedWebSocket, useSocketEvent, useSocketState } from "evenkeel/react";
import { BalancedWebSocket as Slim } from "evenkeel/slim";
import { observe, type SocketSnapshot } from "evenkeel/store";
import { expectTypeOf } from "expect-type";

const socket = new BalancedWebSocket("https://a.example/servers");

expectTypeOf(observe(null).getSnapshot()).toEqualTypeOf<SocketSnapshot>();
const leave = observe(socket).subscribe(({ retry }) => console.log((retry?.at ?? 0) + 1));
expectTypeOf(leave).toEqualTypeOf<() => void>();
// @ts-expect-error: a snapshot never changes
observe(socket).getSnapshot().state = "open";

export function component(): number {
  const made = useBalancedWebSocket(() => new Slim("https://a.example/servers"), ["a"]);
  expectTypeOf(made).toEqualTypeOf<Slim | null>();
  useSocketEvent(made, "close", ({ moved }) => expectTypeOf(moved).toEqualTypeOf<boolean>());
  const delay: number = useSocketState(made, ({ retry }) => retry?.delay ?? 0);
  return useSocketState(socket).readyState + delay;
}
// @ts-expect-error: a kind of event that there is not
useSocketEvent(socket, "closed", () => {});
