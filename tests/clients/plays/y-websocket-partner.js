import { doc, provider } from "example:y-websocket";
import { write } from "./shared-document.js";

export const { written, rest, close } = write(doc, "ticks", () => provider.destroy());
