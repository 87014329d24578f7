// As much of Centrifuge's protocol (JSON) as a subscription needs: its servers are programs in Go.

import { WebSocketServer } from "ws";
import { fed } from "./feed.mjs";

export function serve(server) {
  new WebSocketServer({ server }).on("connection", (socket) => {
    const left = new AbortController();
    socket.on("close", () => left.abort());
    const tell = (reply) => socket.send(JSON.stringify(reply));
    const publish = async (channel) => {
      try {
        for await (const data of fed(left)) tell({ push: { channel, pub: { data } } });
      } catch (error) {
        if (error.name !== "AbortError") throw error;
      }
    };
    const answers = {
      connect: () => ({ client: "one", version: "0", ping: 25, pong: true }),
      subscribe: ({ channel }) => {
        setImmediate(publish, channel);
        return {};
      },
      rpc: () => ({ data: Date.now() }),
    };
    socket.on("message", (message) => {
      for (const line of String(message).split("\n").filter(Boolean)) {
        const { id, ...command } = JSON.parse(line);
        for (const [name, answer] of Object.entries(answers))
          if (command[name]) tell({ id, [name]: answer(command[name]) });
      }
    });
  });
}
