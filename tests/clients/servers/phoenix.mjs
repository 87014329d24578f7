// As much of Phoenix's protocol (version 2, JSON) as a channel needs: Phoenix itself runs where Elixir does.

import { WebSocketServer } from "ws";
import { fed } from "./feed.mjs";

export function serve(server) {
  new WebSocketServer({ server }).on("connection", (socket) => {
    const left = new AbortController();
    socket.on("close", () => left.abort());
    const push = (...message) => socket.send(JSON.stringify(message));
    const join = async (reference, topic) => {
      try {
        for await (const n of fed(left)) push(reference, null, topic, "tick", { n });
      } catch (error) {
        if (error.name !== "AbortError") throw error;
      }
    };
    socket.on("message", (message) => {
      const [reference, number, topic, event] = JSON.parse(message);
      push(reference, number, topic, "phx_reply", { status: "ok", response: { at: Date.now() } });
      if (event === "phx_join") join(reference, topic);
      if (event === "phx_leave") left.abort();
    });
  });
}
