// What the types promise, whatever library is there beside ECMAScript's.

import {
  BalancedWebSocket,
  type BalancedWebSocketOptions,
  createSelector,
  createWebSocketClass,
  type Decision,
  type DroppedEntry,
  type ErrorCode,
  EvenkeelError,
  type Message,
  type Probability,
  type Selector,
  type Server,
  type ServerStatus,
  type SocketState,
} from "evenkeel";
import { createSelector as createSlimSelector, BalancedWebSocket as Slim, type WasmOption } from "evenkeel/slim";
import { expectTypeOf } from "expect-type";

const socket = new BalancedWebSocket(["https://a.example/servers", "https://b.example/servers"], "chat.v1", {
  connectTimeout: 5_000,
  refreshInterval: false,
  watch: "stream",
  overflow: "drop-oldest",
  heartbeat: { message: () => "ping", reply: (data) => data === "pong" },
  rank: (server) => (server.id === "a" ? 0 : null),
  url: async (server) => `${server.url}?token=1`,
  shouldReconnect: (event) => event.code !== 4001,
  prepare: (connection, server) => connection.send(server.id),
  log: (kind, detail) => {
    expectTypeOf(kind).toBeString();
    if (detail instanceof EvenkeelError) expectTypeOf(detail.remedy).toBeString();
    else expectTypeOf(detail.type).toBeString();
  },
});

// Sources.
new BalancedWebSocket({ servers: [{ url: "wss://a.example/ws", users: 1, priority: 1, capacity: 10, region: "eu" }] });
new BalancedWebSocket([{ url: "wss://a.example/ws" }]);
new BalancedWebSocket(async (signal) => {
  expectTypeOf(signal.aborted).toBeBoolean();
  return { servers: [{ url: "wss://a.example/ws" }] };
});
// @ts-expect-error: a source that is none
new BalancedWebSocket(42);
// @ts-expect-error: an entry without a URL
new BalancedWebSocket({ servers: [{ id: "a" }] });

// Options.
expectTypeOf<BalancedWebSocketOptions["refreshInterval"]>().toEqualTypeOf<number | false | undefined>();
expectTypeOf<BalancedWebSocketOptions["overflow"]>().toEqualTypeOf<
  "throw" | "drop-oldest" | "drop-newest" | undefined
>();
// @ts-expect-error: an option that does not exist
new BalancedWebSocket("https://a.example/servers", [], { timeout: 1 });
// @ts-expect-error: a time that is none
new BalancedWebSocket("https://a.example/servers", [], { connectTimeout: "5 s" });
// @ts-expect-error: a URL that is none
new BalancedWebSocket("https://a.example/servers", [], { watch: 1 });
// @ts-expect-error: the inlined entry has its wasm
new BalancedWebSocket("https://a.example/servers", [], { wasm: "/evenkeel.wasm" });
new Slim("https://a.example/servers", [], { wasm: "/evenkeel.wasm", hedge: true });
new Slim("https://a.example/servers", [], { wasm: Promise.resolve(new Uint8Array()) });
expectTypeOf<WasmOption>().toHaveProperty("wasm");
// @ts-expect-error: a wasm that is none
createSlimSelector({ wasm: 1 });

// Events.
socket.addEventListener("open", (event) => expectTypeOf(event.type).toBeString());
socket.addEventListener("message", ({ data, origin }) => {
  expectTypeOf(data).toBeAny();
  expectTypeOf(origin).toBeString();
});
socket.addEventListener("error", ({ error }) => expectTypeOf(error).toEqualTypeOf<EvenkeelError | undefined>());
socket.addEventListener("close", ({ code, reason, wasClean, moved, handedOver }) => {
  expectTypeOf({ code, handedOver }).toEqualTypeOf<{ code: number; handedOver: number }>();
  expectTypeOf({ wasClean, moved }).toEqualTypeOf<{ wasClean: boolean; moved: boolean }>();
  expectTypeOf(reason).toBeString();
});
socket.addEventListener("statechange", ({ state }) => expectTypeOf(state).toEqualTypeOf<SocketState>());
socket.addEventListener("list", ({ ttl, age, seed, dropped }) => {
  expectTypeOf(ttl).toBeNumber();
  expectTypeOf({ age, seed }).toEqualTypeOf<{ age: number | null; seed: number | null }>();
  expectTypeOf(dropped).toEqualTypeOf<DroppedEntry[]>();
});
socket.addEventListener("decision", ({ server, probability }) => {
  expectTypeOf(server).toEqualTypeOf<Server>();
  expectTypeOf(probability).toBeNumber();
});
socket.addEventListener("migrate", ({ from, to, reason }) => {
  expectTypeOf(from.id).toBeString();
  expectTypeOf(to.id).toBeString();
  expectTypeOf(reason).toExtend<string>();
});
socket.addEventListener("retry", ({ delay, attempt, cause, error }) => {
  expectTypeOf({ delay, attempt }).toEqualTypeOf<{ delay: number; attempt: number }>();
  expectTypeOf(cause).toBeString();
  expectTypeOf(error).toEqualTypeOf<EvenkeelError | undefined>();
});
socket.addEventListener("drop", ({ messages, reason }) => {
  expectTypeOf(messages).toEqualTypeOf<readonly Message[]>();
  expectTypeOf(reason).toEqualTypeOf<"overflow" | "closed">();
});
socket.addEventListener("open", () => {}, { once: true });
socket.addEventListener("an event of the application's own", { handleEvent: (event) => event.type });
// @ts-expect-error: a field that another event has
socket.addEventListener("open", (event) => event.code);

// Handlers.
socket.onopen = function () {
  expectTypeOf(this.url).toBeString();
};
socket.onmessage = ({ data }) => expectTypeOf(data).toBeAny();
socket.onclose = ({ code, reason, wasClean }) => {
  expectTypeOf(code).toBeNumber();
  expectTypeOf(reason).toBeString();
  expectTypeOf(wasClean).toBeBoolean();
};
socket.onerror = null;

// Attributes and methods.
expectTypeOf(socket.readyState).toEqualTypeOf<0 | 1 | 2 | 3>();
expectTypeOf(BalancedWebSocket.CLOSED).toEqualTypeOf<3>();
expectTypeOf(socket.state).toEqualTypeOf<SocketState>();
expectTypeOf(socket.server).toEqualTypeOf<Server | null>();
expectTypeOf(socket.servers).toEqualTypeOf<ServerStatus[]>();
expectTypeOf(socket.binaryType).toEqualTypeOf<"arraybuffer" | "blob">();
expectTypeOf(socket.send).returns.toBeVoid();
socket.send("text");
socket.send(new ArrayBuffer(1));
socket.send(new Uint8Array([1, 2, 3]));
// @ts-expect-error: no message
socket.send();
// @ts-expect-error: a message that is none
socket.send({ login: "me" });
socket.close(1000, "done");

// The decision alone.
expectTypeOf(createSelector).returns.resolves.toEqualTypeOf<Selector>();
const selector = await createSelector({ randomSeed: 1 });
expectTypeOf(selector.select({ lost: ["a"], failures: 1 })).toEqualTypeOf<Decision | null>();
expectTypeOf(selector.probabilities()).toEqualTypeOf<Probability[]>();
expectTypeOf<Decision>().toExtend<{ group: number; probability: number; server: { id: string; url: string } }>();
selector.reportFailure("a", { kind: "crash" });
// @ts-expect-error: a kind of failure that there is not
selector.reportFailure("a", { kind: "boredom" });

// Errors.
expectTypeOf<EvenkeelError>().toExtend<Error & { code: string; remedy: string }>();
expectTypeOf<"queue-full" | "no-websocket" | "list-empty">().toExtend<ErrorCode>();
expectTypeOf<"no such code">().not.toExtend<ErrorCode>();

const Chosen = createWebSocketClass("https://a.example/servers", {
  affinity: (requested) => requested.pathname,
  url: async (server, requested) => `${server.url}${requested.search}`,
});
const chosen = new Chosen("wss://any.example/room", ["v1"]);
expectTypeOf(chosen.server).toEqualTypeOf<Server | null>();
expectTypeOf(chosen.servers).toEqualTypeOf<ServerStatus[]>();
expectTypeOf(Chosen.OPEN).toEqualTypeOf<1>();
// @ts-expect-error: an option of connections that come back
createWebSocketClass("https://a.example/servers", { prepare() {} });
// @ts-expect-error: what does not move has no use for changes
createWebSocketClass("https://a.example/servers", { watch: true });
// @ts-expect-error: it is connected where its class says
new Chosen();
