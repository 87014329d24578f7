// Every library's own types take the class where its option is.

import { HocuspocusProviderWebsocket } from "@hocuspocus/provider";
import { wsconnect } from "@nats-io/nats-core";
import { Client } from "@stomp/stompjs";
import { createWSClient } from "@trpc/client";
import { Centrifuge } from "centrifuge";
import { createWebSocketClass } from "evenkeel";
import { createClient } from "graphql-ws";
import mqtt from "mqtt";
import { Socket } from "phoenix";
import { webSocket } from "rxjs/webSocket";
import { WebsocketProvider } from "y-websocket";
import { Doc } from "yjs";

const BalancedSocket = createWebSocketClass("https://api.example.com/servers", {
  affinity: (requested) => requested.pathname,
  url: (server, requested) => new URL(requested.pathname, server.url),
});
const url = "wss://api.example.com/";

createClient({ url, webSocketImpl: BalancedSocket });
mqtt.connect(url, { createWebsocket: (address, protocols) => new BalancedSocket(address, protocols) });
new WebsocketProvider(url, "room-7", new Doc(), { WebSocketPolyfill: BalancedSocket });
webSocket({ url, WebSocketCtor: BalancedSocket });
createWSClient({ url, WebSocket: BalancedSocket });
new Client({ webSocketFactory: () => new BalancedSocket(url) });
wsconnect({ servers: url, wsFactory: async (address) => ({ socket: new BalancedSocket(address), encrypted: true }) });
new HocuspocusProviderWebsocket({ url, WebSocketPolyfill: BalancedSocket });
new Socket(url, { transport: BalancedSocket });
new Centrifuge(url, { websocket: BalancedSocket });
