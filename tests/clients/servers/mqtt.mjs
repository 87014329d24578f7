import { Aedes } from "aedes";
import { createWebSocketStream, WebSocketServer } from "ws";

export async function serve(server) {
  const broker = await Aedes.createBroker();
  const sockets = new WebSocketServer({ server, path: "/mqtt", handleProtocols: () => "mqtt" });
  sockets.on("connection", (socket, request) => broker.handle(createWebSocketStream(socket), request));
}
