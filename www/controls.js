// The faults of one server: two buttons always at hand, the rest in a drawer below its bar.

import { button, el } from "./dom.js";
import { Slider } from "./slider.js";

const SLOW_HANDSHAKE = 3_000; // ms: long enough to notice, well within the client's patience

/** Each toggle: its hook, its label, what pressing it sets, what it is when off, and whether it is on now. */
const TOGGLES = [
  {
    hook: "refuse",
    label: "Refuse (503)",
    on: { handshake: "refuse" },
    off: { handshake: "accept" },
    is: ({ behaviour }) => behaviour.handshake === "refuse",
  },
  {
    hook: "drop",
    label: "Accept, then close",
    on: { handshake: "drop" },
    off: { handshake: "accept" },
    is: ({ behaviour }) => behaviour.handshake === "drop",
  },
  {
    hook: "hang",
    label: "Never answer",
    on: { handshake: "hang" },
    off: { handshake: "accept" },
    is: ({ behaviour }) => behaviour.handshake === "hang",
  },
  {
    hook: "slow",
    label: "Slow handshake (3 s)",
    on: { handshakeDelay: SLOW_HANDSHAKE },
    off: { handshakeDelay: 0 },
    is: ({ behaviour }) => behaviour.handshakeDelay > 0,
  },
  {
    hook: "freeze",
    label: "Freeze",
    on: { frozen: true },
    off: { frozen: false },
    is: ({ behaviour }) => behaviour.frozen,
  },
  {
    hook: "drain",
    label: "Drain (clients leave within 30 s)",
    on: { draining: true },
    off: { draining: false },
    is: ({ behaviour }) => behaviour.draining,
  },
  {
    hook: "miscount",
    label: "Report 0 users",
    on: { report: 0 },
    off: { report: null },
    is: ({ behaviour }) => behaviour.report !== null,
  },
];

const LISTINGS = {
  true: "as it is",
  available: "as available",
  unavailable: "as unavailable",
  absent: "not at all",
};

export class ServerControls {
  /** Kill, revive and the drawer's handle. */
  buttons;
  /** The rest, folded away until asked for. */
  drawer;

  #state;
  #kill;
  #revive;
  #toggles;
  #listing;
  #load;

  constructor(server, act) {
    const { id } = server;
    this.#kill = button("Kill", {
      kind: "danger",
      testid: `kill-${id}`,
      "aria-label": `Kill ${id}`,
      onClick: () => act.kill(id),
    });
    this.#revive = button("Revive", {
      testid: `revive-${id}`,
      "aria-label": `Revive ${id}`,
      onClick: () => act.revive(id),
    });
    const more = button("More", {
      kind: "quiet more",
      testid: `more-${id}`,
      "aria-label": `More faults for ${id}`,
      "aria-expanded": "false",
      onClick: () => {
        this.drawer.hidden = !this.drawer.hidden;
        more.setAttribute("aria-expanded", String(!this.drawer.hidden));
      },
    });
    this.buttons = el("div", { class: "buttons" }, this.#kill, this.#revive, more);

    this.#toggles = TOGGLES.map((toggle) => ({
      is: toggle.is,
      button: button(toggle.label, {
        pressed: false,
        testid: `${toggle.hook}-${id}`,
        onClick: () => {
          const on = toggle.is(this.#state);
          act.change(id, on ? toggle.off : toggle.on, `${toggle.label}: ${on ? "off" : "on"}`);
        },
      }),
    }));
    const sendAway = button("Close all with 1012", { testid: `close-${id}`, onClick: () => act.sendAway(id) });

    this.#listing = el(
      "select",
      {
        testid: `listing-${id}`,
        on: {
          change: () => act.change(id, { listing: this.#listing.value }, `Listed ${LISTINGS[this.#listing.value]}`),
        },
      },
      ...Object.entries(LISTINGS).map(([value, text]) => el("option", { value, text })),
    );
    this.#load = new Slider({
      label: "Base load",
      describedAs: `Base load of ${id}, users`,
      max: Math.ceil(server.capacity * 1.1),
      testid: `load-${id}`,
      onValue: (users) => act.loadServer(id, users),
    });
    this.drawer = el(
      "div",
      { class: "drawer", hidden: true },
      el("div", { class: "buttons" }, ...this.#toggles.map((toggle) => toggle.button), sendAway),
      el("label", { class: "field" }, el("span", { text: "List it" }), this.#listing),
      this.#load.element,
    );
  }

  render(server) {
    this.#state = server;
    this.#kill.classList.toggle("spent", !server.behaviour.alive);
    this.#revive.classList.toggle("spent", server.behaviour.alive);
    for (const toggle of this.#toggles) toggle.button.setAttribute("aria-pressed", String(Boolean(toggle.is(server))));
    if (this.#listing.value !== server.behaviour.listing) this.#listing.value = server.behaviour.listing;
    this.#load.show(server.baseUsers);
  }
}
