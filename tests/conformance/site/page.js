// What the test calls in the page.

import { cases } from "./cases.js";
import { Scene } from "./scene.js";
import { subjects } from "./subjects.js";

const { host, nobody } = Object.fromEntries(new URLSearchParams(location.search));

/** Plays a case with each subject, one after the other, and gives what was observed: `{ subject: { fact: value } }`. */
window.play = async (group, title) => {
  const observed = {};
  for (const [name, Socket] of Object.entries(subjects)) {
    const scene = new Scene(Socket, host, nobody);
    try {
      // What happens to the sockets afterwards is no part of it.
      observed[name] = structuredClone(await cases[group][title](scene));
    } catch (error) {
      throw new Error(`${name}: ${error}`, { cause: error });
    } finally {
      scene.end();
    }
  }
  return observed;
};

window.ready = true;
