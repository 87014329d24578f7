import { doc, provider, socket } from "example:Hocuspocus";
import { write } from "./shared-document.js";

const leave = () => {
  provider.destroy();
  socket.destroy();
};

export const { written, rest, close } = write(doc, "ticks", leave);
