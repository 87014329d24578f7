// Puts the page together: the fleet's own account of itself on one side, the package's view on the other.

import { Bars } from "./bars.js";
import { ConnectionPanel } from "./connection.js";
import { Crowd, CrowdPanel, LARGEST_CROWD } from "./crowd.js";
import { setText } from "./dom.js";
import { Fleet } from "./fleet.js";
import { ago, shortVersion } from "./format.js";
import { ListMode } from "./listmode.js";
import { Messages } from "./messages.js";
import { crowdOptions, ownOptions } from "./options.js";
import { record } from "./recorder.js";
import { Timeline } from "./timeline.js";

const FRAME = 200; // ms between redraws of what changes without an event: clocks, bars, the crowd
const SERVICE_RESTART = 1012; // the close code that a server being restarted gives

const at = (id) => document.getElementById(id);
const seedUrl = new URL("/servers", location.href).href;

const fleet = new Fleet(new URL("/fleets/default", location.href).href);
const timeline = new Timeline(at("timeline"));
at("timeline-clear").addEventListener("click", () => timeline.clear());

/** Sends a fault and writes down that the user did. A fault that cannot be sent is told, never thrown. */
async function press(text, send) {
  timeline.add("you", text, { tone: "you" });
  try {
    await send();
  } catch (error) {
    timeline.add("you", `that did not reach the fleet: ${error.message}`, { tone: "bad" });
  }
}

/** Loads come from sliders, many a second: not worth a line each. */
async function quietly(send) {
  try {
    await send();
  } catch {
    // The banner over the bars says that the fleet does not answer.
  }
}

const act = {
  kill: (id) => press(`killed ${id}`, () => fleet.changeServer(id, { alive: false })),
  revive: (id) => press(`revived ${id}`, () => fleet.changeServer(id, { alive: true })),
  change: (id, behaviour, text) => press(`${id}: ${text}`, () => fleet.changeServer(id, behaviour)),
  sendAway: (id) =>
    press(`${id}: closed every connection with 1012`, () => fleet.closeConnections(id, SERVICE_RESTART)),
  loadServer: (id, baseUsers) => quietly(() => fleet.changeServer(id, { baseUsers })),
  killGroup: (priority) => press(`killed group ${priority}`, () => fleet.changeGroup(priority, { alive: false })),
  reviveGroup: (priority) => press(`revived group ${priority}`, () => fleet.changeGroup(priority, { alive: true })),
  loadGroup: (priority, fraction) =>
    quietly(() =>
      Promise.all(
        fleet.truth.servers
          .filter((server) => server.priority === priority)
          .map(({ id, capacity }) => fleet.changeServer(id, { baseUsers: Math.round(capacity * fraction) })),
      ),
    ),
  listMode: (mode, label) => press(`list endpoint: ${label}`, () => fleet.changeList({ mode })),
};

at("reset").addEventListener("click", () => press("reset the fleet", () => fleet.reset()));

const bars = new Bars(at("bars"), act);
const listMode = new ListMode(at("list-mode"), at("list-mode-note"), act);

const connection = new ConnectionPanel({
  badge: at("state"),
  stateText: at("state-text"),
  serverId: at("server-id"),
  group: at("group"),
  url: at("url"),
  uptime: at("uptime"),
  heard: at("heard"),
  move: at("move"),
  again: at("again"),
  why: at("why"),
  chances: at("chances"),
  mini: { badge: at("mini-state"), server: at("mini-server"), uptime: at("mini-uptime") },
});

const messages = new Messages(
  {
    form: at("send"),
    input: at("send-input"),
    auto: at("auto"),
    log: at("echo-log"),
    strip: at("strip"),
    counters: {
      sent: at("count-sent"),
      confirmed: at("count-confirmed"),
      outstanding: at("count-outstanding"),
      queued: at("count-queued"),
      lost: at("count-lost"),
      repeated: at("count-repeated"),
      disordered: at("count-disordered"),
    },
  },
  timeline,
);

function renderFleet(socket) {
  const { truth, reachable } = fleet;
  const banner = at("fleet-problem");
  banner.hidden = reachable !== false;
  // The same words as long as it lasts: they are read out once.
  if (reachable === false) {
    const shown = truth
      ? "What is shown here is what was known last; trying again every few seconds."
      : "Trying again.";
    setText(banner, `The fleet’s control address does not answer. ${shown}`);
  }
  at("bars").classList.toggle("stale", reachable === false);
  if (!truth) return;
  const seen = new Map((socket?.servers ?? []).map((server) => [server.id, server]));
  const own = socket?.readyState === WebSocket.OPEN ? (socket.server?.id ?? null) : null;
  bars.render(truth, seen, own);
  listMode.render(truth.list);
}

/** What the client itself knows of the list, and since when. */
function renderList(socket) {
  const { list } = socket.snapshot();
  const read = list ? `Read by this page ${ago(list.receivedAgo)}: version ${shortVersion(list.version)}.` : "";
  setText(at("list-read"), read);
}

function run({ BalancedWebSocket }) {
  const demo = { socket: null };
  window.evenkeelDemo = demo;

  const connect = () => {
    const socket = new BalancedWebSocket(
      seedUrl,
      [],
      ownOptions(() => connection.heard()),
    );
    demo.socket = socket;
    record(socket, timeline);
    connection.watch(socket);
    messages.watch(socket);
  };
  connect();
  at("again").addEventListener("click", connect);
  at("move").addEventListener("click", () => {
    timeline.add("you", "asked the client to move", { tone: "you" });
    demo.socket.migrate();
    if (demo.socket.state === "open" && !demo.socket.snapshot().leaving) {
      timeline.add("you", "there is nowhere to go: no other server can be chosen now", { tone: "you" });
    }
  });
  at("choose-again").addEventListener("click", () => {
    timeline.add("you", "asked the client to choose again", { tone: "you" });
    demo.socket.reconnect();
  });
  at("kill-mine").addEventListener("click", () => {
    if (demo.socket.server) act.kill(demo.socket.server.id);
  });
  at("refresh").addEventListener("click", () => {
    timeline.add("you", "asked the client to read the list", { tone: "you" });
    demo.socket.refresh();
  });
  at("snapshot").addEventListener("toggle", () => {
    setText(at("snapshot-text"), JSON.stringify(demo.socket.snapshot(), null, 2));
  });

  const crowd = new Crowd(seedUrl, (seed) => new BalancedWebSocket(seed, [], crowdOptions));
  const crowdPanel = new CrowdPanel({ open: at("crowd-open"), size: at("crowd-size"), rows: at("crowd-rows") });
  at("crowd-start").addEventListener("click", () => {
    timeline.add("you", `called a crowd of ${LARGEST_CROWD}`, { tone: "you" });
    crowd.grow(LARGEST_CROWD);
  });
  at("crowd-stop").addEventListener("click", () => {
    timeline.add("you", "sent the crowd home", { tone: "you" });
    crowd.stop();
  });

  const render = () => {
    connection.render();
    messages.render();
    crowdPanel.render(crowd, fleet.truth?.servers ?? []);
    renderFleet(demo.socket);
    renderList(demo.socket);
  };
  fleet.addEventListener("change", render);
  setInterval(render, FRAME);
  render();
}

fleet.watch();
try {
  run(await import("evenkeel"));
} catch (error) {
  const problem = at("package-problem");
  problem.hidden = false;
  setText(
    problem,
    `The package could not be started (${error.message}). Build it with "npm run build", then load this page again.`,
  );
  fleet.addEventListener("change", () => renderFleet(null));
}
