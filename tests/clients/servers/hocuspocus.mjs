import { Hocuspocus } from "@hocuspocus/server";
import { WebSocketServer } from "ws";

export function serve(server) {
  const hocuspocus = new Hocuspocus({ quiet: true });
  new WebSocketServer({ server }).on("connection", (socket, request) => hocuspocus.handleConnection(socket, request));
}
