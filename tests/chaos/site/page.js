// What the tests call in the page: applications, one for each library.

import { Application } from "./application.js";

/** By the names of their contestants. */
const applications = new Map();

const ofEach = (question) => Object.fromEntries([...applications].map(([name, it]) => [name, question(it)]));

window.begin = (contestants, pace) => {
  for (const contestant of contestants) applications.set(contestant.name, new Application(contestant, pace));
};

window.look = () => ofEach((application) => application.look());

window.stop = () => {
  for (const application of applications.values()) application.stop();
};

window.reconnect = () => {
  for (const application of applications.values()) application.reconnect();
};

window.migrate = () => {
  for (const application of applications.values()) application.migrate();
};

/** Closes all sockets, so that what still waits is dropped. */
window.finish = () => {
  for (const application of applications.values()) application.close();
};

window.record = (name) => applications.get(name).record();

/** Keeps the page's only thread for so many ms. */
window.compute = (time) => {
  const end = performance.now() + time;
  while (performance.now() < end);
};

/** Times at which the page came back out of the back/forward cache. */
window.restored = [];
addEventListener("pageshow", ({ persisted }) => {
  if (persisted) window.restored.push(Date.now());
});

/** What nobody caught. */
window.uncaught = [];
addEventListener("error", ({ message }) => window.uncaught.push(message));
addEventListener("unhandledrejection", ({ reason }) => window.uncaught.push(String(reason)));

window.ready = true;
