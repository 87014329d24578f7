// Every case, by group and title: a function that puts a socket into a situation and gives the facts that can be observed of
// it, by name, as plain data. Nothing here says which of them is right.

import { buffered } from "./cases/buffered.js";
import { closing } from "./cases/closing.js";
import { construction } from "./cases/construction.js";
import { events } from "./cases/events.js";
import { failing } from "./cases/failing.js";
import { listening } from "./cases/listening.js";
import { living } from "./cases/living.js";
import { receiving } from "./cases/receiving.js";
import { sending } from "./cases/sending.js";
import { shape } from "./cases/shape.js";

export const cases = {
  construction,
  shape,
  living,
  closing,
  failing,
  events,
  listening,
  sending,
  receiving,
  buffered,
};
