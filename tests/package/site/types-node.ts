// Where the types of Node are known: the WebSocket of `ws` serves, and a file's bytes.

import { readFile } from "node:fs/promises";
import { BalancedWebSocket } from "evenkeel";
import { createSelector } from "evenkeel/slim";
import { WebSocket } from "ws";

new BalancedWebSocket(new URL("https://a.example/servers"), [], { WebSocket, signal: AbortSignal.timeout(1_000) });
await createSelector({ wasm: readFile("evenkeel.wasm") });
// @ts-expect-error: a class that is no WebSocket
new BalancedWebSocket("https://a.example/servers", [], { WebSocket: Map });
