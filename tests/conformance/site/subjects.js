// Who is compared: classes that are constructed with a URL and subprotocols. The browser's own is what the others are held to.

import { BalancedWebSocket, createWebSocketClass } from "/evenkeel/index.js";

export const subjects = {
  WebSocket,
  BalancedWebSocket,
  createWebSocketClass: createWebSocketClass(["ws://anywhere.example/"], { url: (_server, requested) => requested }),
};
