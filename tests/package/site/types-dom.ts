// Where the types of pages are known, ours are theirs.

import {
  BalancedWebSocket,
  type BalancedWebSocketOptions,
  createWebSocketClass,
  type MigrateEvent,
  type SocketCloseEvent,
} from "evenkeel";
import { BalancedWebSocket as Slim } from "evenkeel/slim";
import { expectTypeOf } from "expect-type";

// It goes where a WebSocket goes, and where an EventTarget does.
const standard: WebSocket = new BalancedWebSocket("https://a.example/servers");
const target: EventTarget = standard;
target.dispatchEvent(new Event("an event of the application's own"));

expectTypeOf<SocketCloseEvent>().toExtend<CloseEvent>();
expectTypeOf<MigrateEvent>().toExtend<Event>();
expectTypeOf<Parameters<BalancedWebSocket["send"]>[0]>().toEqualTypeOf<Parameters<WebSocket["send"]>[0]>();
expectTypeOf<BalancedWebSocket["binaryType"]>().toEqualTypeOf<WebSocket["binaryType"]>();
expectTypeOf<BalancedWebSocket["onmessage"]>().toExtend<WebSocket["onmessage"]>();
expectTypeOf<Exclude<BalancedWebSocketOptions["signal"], undefined>>().toEqualTypeOf<AbortSignal>();
expectTypeOf<Exclude<BalancedWebSocketOptions["fetch"], undefined>>().toEqualTypeOf<typeof fetch>();

new BalancedWebSocket(new URL("https://a.example/servers"), [], {
  WebSocket,
  fetch,
  signal: AbortSignal.timeout(1_000),
  request: { headers: { authorization: "Bearer 1" }, credentials: "include" },
  allow: (url) => url.hostname.endsWith(".example"),
  parse: async (body, response) => (response.ok ? JSON.parse(body) : []),
  prepare: (socket) => expectTypeOf(socket).toEqualTypeOf<WebSocket>(),
});

new Slim("https://a.example/servers", [], { wasm: WebAssembly.compileStreaming(fetch("/evenkeel.wasm")) });
new Slim("https://a.example/servers", [], { wasm: fetch("/evenkeel.wasm") });

const handler: (event: CloseEvent) => void = ({ code }) => code.toFixed();
standard.onclose = handler;
new BalancedWebSocket("https://a.example/servers").addEventListener("close", handler);

// And its class where the class of WebSocket goes.
const Chosen: typeof WebSocket = createWebSocketClass("https://a.example/servers");
new Chosen("wss://any.example/").addEventListener("message", ({ data }) => console.log(data));
