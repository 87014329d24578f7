// The installed package in a page without any bundler, against real servers.

import assert from "node:assert/strict";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { BROWSERS, launch } from "../support/browser.mjs";
import { QUICK, startFleets } from "../support/fleet.mjs";
import { install } from "../support/package.mjs";

const TWO_GROUPS = { ...QUICK, servers: [{ count: 3 }, { count: 2, priority: 1 }] };

/** Codes that WebKitGTK does not know, and ends the connection for. */
const UNKNOWN_TO_WEBKIT = [1012, 1013, 1014];

let installed;
let fleets;
before(async () => {
  installed = await install();
  const site = fileURLToPath(new URL("site", import.meta.url));
  fleets = await startFleets({ "/": site, "/node_modules": join(installed.folder, "node_modules") });
});
after(async () => {
  await fleets?.stop();
  await installed?.remove();
});

for (const browser of BROWSERS) {
  describe(browser, () => {
    let page;
    let fleet;
    before(async () => {
      page = await launch(browser);
    });
    after(() => page?.quit());
    beforeEach(async () => {
      await page.open(fleets.origin);
      await page.until(() => window.ready, "the page's module");
    });
    afterEach(() => fleet?.remove());

    const make = async (spec) => {
      fleet = await fleets.make(spec);
      return fleet.list;
    };

    /** Where the fleet has connections: `{ id: connections }`, of servers that have any. */
    const connections = async () => {
      const { servers } = await fleet.state();
      const used = servers.filter((server) => server.connections > 0);
      return Object.fromEntries(used.map(({ id, connections }) => [id, connections]));
    };

    for (const entry of ["inlined", "slim"]) {
      test(`text and binary come back as they were sent (${entry})`, async () => {
        const list = await make(TWO_GROUPS);
        const { id, texts, bytes, blob } = await page.run(
          async (list, entry) => {
            const { socket, messages, ...record } = connect(list, { entry, protocols: ["chat.v1"] });
            const id = await opened({ socket, messages, ...record });
            socket.binaryType = "arraybuffer";
            socket.send("");
            socket.send("grüß 🚢");
            socket.send(new Uint8Array([0, 255, 7]));
            await until(() => messages.length === 3, "three echoes");
            socket.binaryType = "blob";
            socket.send(new Blob([new Uint8Array([1, 2])]));
            await until(() => messages.length === 4, "the blob's echo");
            return {
              id,
              texts: messages.slice(0, 2),
              bytes: [...new Uint8Array(messages[2])],
              blob: [...new Uint8Array(await messages[3].arrayBuffer())],
              protocol: socket.protocol,
            };
          },
          list,
          entry,
        );
        assert.deepEqual({ texts, bytes, blob }, { texts: ["", "grüß 🚢"], bytes: [0, 255, 7], blob: [1, 2] });
        assert.deepEqual(await connections(), { [id]: 1 });
        assert.deepEqual(await page.problems(), []);
      });
    }

    test("many clients spread over the preferred group, by its servers' room", async () => {
      const list = await make({
        ...QUICK,
        servers: [
          { id: "small", capacity: 50 },
          { id: "large", capacity: 150 },
          { id: "laden", capacity: 150, baseUsers: 120 },
          { id: "spare", capacity: 500, priority: 1 },
        ],
      });
      await page.run(async (list) => {
        window.crowd = Array.from({ length: 60 }, () => connect(list));
        await Promise.all(window.crowd.map((record) => opened(record)));
      }, list);
      const spread = await connections();
      assert.equal(spread.spare, undefined, "the first group had room");
      // Level would be 0.6: 30 on the small one, 90 on the large one, none on the laden one; 60 fill to about 0.34.
      assert.ok(spread.large > spread.small, JSON.stringify(spread));
      assert.ok(spread.small > 0, JSON.stringify(spread));
      assert.ok((spread.laden ?? 0) <= 3, JSON.stringify(spread));
    });

    test("the chosen server is killed: another of its group takes over, and what waited arrives in order", async () => {
      const list = await make(TWO_GROUPS);
      const first = await page.run(async (list) => {
        window.record = connect(list);
        return opened(window.record);
      }, list);
      await page.run(() => {
        const { socket } = window.record;
        window.sent = [];
        const send = () => {
          window.sent.push(socket.readyState === WebSocket.OPEN);
          socket.send(String(window.sent.length - 1));
        };
        window.sending = setInterval(send, 10);
        // The gap may be shorter than two of those.
        socket.addEventListener("close", () => Array.from({ length: 20 }, send));
      });
      await fleet.tell(first, { alive: false });
      const { second, queued, echoes, events, readyStates } = await page.run(async () => {
        const { socket, messages, events } = window.record;
        await until(() => events.filter(({ type }) => type === "open").length === 2, "the second connection");
        clearInterval(window.sending);
        socket.send("last");
        await until(() => messages.at(-1) === "last", "the last echo");
        return {
          second: socket.server,
          queued: window.sent.flatMap((open, index) => (open ? [] : [index])),
          echoes: messages.slice(0, -1).map(Number),
          events: events.map(({ type }) => type).filter((type) => ["open", "close", "error"].includes(type)),
          readyStates: events.filter(({ type }) => type === "close").map(({ readyState }) => readyState),
        };
      });
      assert.notEqual(second.id, first);
      assert.equal(second.priority, 0);
      assert.deepEqual(events, ["open", "close", "open"]);
      assert.deepEqual(readyStates, [0], "a close that is not the end is followed by another connection");
      assert.ok(queued.length >= 20, `only ${queued.length} messages were sent in the gap`);
      assert.deepEqual(
        queued.filter((index) => !echoes.includes(index)),
        [],
        "messages of the gap were lost",
      );
      assert.deepEqual(
        echoes,
        echoes.toSorted((a, b) => a - b),
        "messages were reordered",
      );
      assert.equal(new Set(echoes).size, echoes.length, "messages were sent twice");
    });

    test("the whole preferred group is killed: the next group takes over", async () => {
      const list = await make(TWO_GROUPS);
      await page.run(async (list) => {
        window.record = connect(list);
        await opened(window.record);
      }, list);
      await fleet.tellGroup(0, { alive: false });
      const { server, echo } = await page.run(async () => {
        const { socket, messages, events } = window.record;
        await until(() => events.some(({ type }) => type === "close"), "the loss");
        socket.send("in the gap");
        await until(() => messages.length === 1, "the echo from the second group", 45_000);
        return { server: socket.server, echo: messages[0] };
      });
      assert.equal(server.priority, 1);
      assert.equal(echo, "in the gap");
      assert.deepEqual(await connections(), { [server.id]: 1 });
    });

    for (const code of [1001, 1012, 4321]) {
      test(`a server's close with ${code} is told, and another connection follows`, async () => {
        const list = await make(TWO_GROUPS);
        const id = await page.run(async (list) => {
          window.record = connect(list);
          return opened(window.record);
        }, list);
        await fleet.close(id, code, "a reason");
        const closes = await page.run(async () => {
          const { events } = window.record;
          await until(() => events.filter(({ type }) => type === "open").length === 2, "the second connection");
          return events.filter(({ type }) => type === "close").map(({ at, ...event }) => event);
        });
        const unknown = browser === "webkit" && UNKNOWN_TO_WEBKIT.includes(code);
        const told = unknown
          ? { code: 1006, reason: "", wasClean: false }
          : { code, reason: "a reason", wasClean: true };
        assert.deepEqual(closes, [{ type: "close", ...told, readyState: 0 }]);
      });
    }

    for (const code of [1000, 1008, 3003]) {
      test(`a server's close with ${code} is the end`, async () => {
        const list = await make(TWO_GROUPS);
        const id = await page.run(async (list) => {
          window.record = connect(list);
          return opened(window.record);
        }, list);
        await fleet.close(id, code);
        const { closes, state } = await page.run(async () => {
          const { socket, events } = window.record;
          await until(() => socket.readyState === WebSocket.CLOSED, "the end");
          await new Promise((resolve) => setTimeout(resolve, 500));
          return {
            closes: events.filter(({ type }) => type === "close").map((event) => event.code),
            state: socket.state,
          };
        });
        assert.deepEqual({ closes, state }, { closes: [code], state: "closed" });
        assert.deepEqual(await connections(), {});
      });
    }

    test("close() ends it with the application's code, and the server sees it go", async () => {
      const list = await make(TWO_GROUPS);
      const { closes, during } = await page.run(async (list) => {
        const record = connect(list);
        await opened(record);
        record.socket.close(3001, "enough");
        const during = record.socket.readyState;
        await until(() => record.socket.readyState === WebSocket.CLOSED, "the end");
        const closes = record.events.filter(({ type }) => type === "close");
        return { closes: closes.map(({ at, ...event }) => event), during };
      }, list);
      assert.equal(during, 2);
      assert.deepEqual(closes, [{ type: "close", code: 3001, reason: "enough", wasClean: true, readyState: 3 }]);
      assert.deepEqual(await connections(), {});
    });
  });
}
