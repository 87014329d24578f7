// One connection that says hello: in a page as in a worker.

import { BalancedWebSocket } from "/node_modules/evenkeel/dist/index.js";

export function hello(list) {
  return new Promise((resolve) => {
    const socket = new BalancedWebSocket(list);
    socket.onopen = () => socket.send("hello");
    socket.onmessage = ({ data }) => {
      socket.close();
      resolve(`echo of ${data}`);
    };
  });
}
