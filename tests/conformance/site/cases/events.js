// Events as objects.

import { later } from "../scene.js";

/** Everything of an event that does not depend on its kind, as seen by a listener. */
function traits(event, socket) {
  const { type, bubbles, cancelable, composed, isTrusted, eventPhase, returnValue, cancelBubble } = event;
  event.preventDefault();
  return {
    class: event.constructor.name,
    tag: Object.prototype.toString.call(event),
    "own properties": Reflect.ownKeys(event).map(String),
    isTrusted,
    "type, bubbles, cancelable, composed": [type, bubbles, cancelable, composed],
    "phase, return value, cancelBubble": [eventPhase, returnValue, cancelBubble],
    "after preventDefault()": event.defaultPrevented,
    "target, currentTarget, srcElement": [event.target, event.currentTarget, event.srcElement].map(
      (it) => it === socket,
    ),
    "path is the socket": event.composedPath().length === 1 && event.composedPath()[0] === socket,
    "time stamp is now": Math.abs(performance.now() - event.timeStamp) < 1_000,
    "window.event": window.event === event,
  };
}

/** What a listener sees of the first event of this kind, and what is left of it afterwards. */
function seen(socket, kind, more = () => ({})) {
  return new Promise((resolve) => {
    socket.addEventListener(
      kind,
      async (event) => {
        const facts = { ...traits(event, socket), ...more(event) };
        await later();
        facts["afterwards: target, currentTarget"] = [event.target === socket, event.currentTarget === null];
        resolve(facts);
      },
      { once: true },
    );
  });
}

const messageFields = (scene) => (event) => ({
  data: event.data,
  origin: event.origin.replace(scene.host, "host"),
  lastEventId: event.lastEventId,
  source: event.source,
  ports: [Array.isArray(event.ports), Object.isFrozen(event.ports), event.ports.length],
  "the same data every time": new Set([event.data, event.data]).size === 1,
});

export const events = {
  open: (scene) => seen(scene.make(scene.url()), "open"),

  message: (scene) => seen(scene.make(scene.url({ steps: [["text", "a"]] })), "message", messageFields(scene)),

  "a message of bytes": (scene) => {
    const socket = scene.make(scene.url({ steps: [["binary", [1]]] }));
    return seen(socket, "message", (event) => ({
      data: [Object.prototype.toString.call(event.data), event.data.size, event.data.type],
      "the same data every time": new Set([event.data, event.data]).size === 1,
    }));
  },

  error: (scene) => seen(scene.make(scene.nobody), "error"),

  close: (scene) => {
    const socket = scene.make(scene.url({ steps: [["close", 3001, "why"]] }));
    return seen(socket, "close", ({ code, reason, wasClean }) => ({ code, reason, wasClean }));
  },

  "origin of a message, however the URL is written": async (scene) => {
    const socket = scene.make(scene.url({ steps: [["text", "a"]] }).replace("ws://", "WS://"));
    const { origin } = await scene.next(socket, "message");
    return { origin: origin.replace(scene.host, "host") };
  },

  "every message is an event of its own": async (scene) => {
    const socket = scene.make(
      scene.url({
        steps: [
          ["text", "a"],
          ["text", "a"],
        ],
      }),
    );
    const both = [];
    socket.addEventListener("message", (event) => both.push(event));
    await scene.hear(socket, 2);
    return { same: both[0] === both[1] };
  },

  "an event of the application's can be dispatched, and one that was can be again": async (scene) => {
    const socket = scene.make(scene.url({ steps: [["text", "a"]] }));
    const event = await scene.next(socket, "message");
    await later();
    const heard = [];
    socket.onmessage = ({ data, isTrusted }) => heard.push([data, isTrusted]);
    socket.addEventListener("mine", ({ detail }) => heard.push(detail));
    socket.dispatchEvent(event);
    socket.dispatchEvent(new CustomEvent("mine", { detail: 1 }));
    socket.dispatchEvent(new MessageEvent("message", { data: "b" }));
    return { heard };
  },
};
