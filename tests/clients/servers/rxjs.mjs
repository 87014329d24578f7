import { WebSocketServer } from "ws";
import { fed } from "./feed.mjs";

/** Whoever subscribes is told the numbers. */
export function serve(server) {
  new WebSocketServer({ server }).on("connection", (socket) => {
    const left = new AbortController();
    socket.on("close", () => left.abort());
    socket.on("message", async (message) => {
      const { subscribe } = JSON.parse(message);
      if (!subscribe) return;
      try {
        for await (const n of fed(left)) socket.send(JSON.stringify({ [subscribe]: n }));
      } catch (error) {
        if (error.name !== "AbortError") throw error;
      }
    });
  });
}
