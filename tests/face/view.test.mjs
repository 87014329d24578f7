// Lists on their way into the core, with the application's opinion of them, and the core's numbers on their way out.
import assert from "node:assert/strict";
import { test } from "node:test";
import { FALLBACK, GIVEN, View } from "../../dist/view.js";
import { reports, running, throwing } from "./rig.mjs";

/** What stands for what is no number, as `src/web/wire.rs` has it; a rank of OUT leaves the server out. */
const [ABSENT, OUT, TEXT, GARBAGE, NO_ENTRY, FORBIDDEN] = [-1, -2, -4, -5, -6, -7];

const WORDS = "unavailable,lost,;preferred,spill,;crash,;url-missing,url-forbidden,;drain,;";
const [HEADER, ROW] = [5, 10];

/** A view on a core that takes every list, and `written`, what it was last given: per entry its URL and its rank. */
function rig(opinions, core = {}) {
  const rig = { inForce: true, dropped: [], rows: [] };
  rig.core = {
    take(_now, from, length, numbers, text) {
      const texts = text.split("\0");
      const values = Array.from(numbers, (number) => (number === TEXT ? texts.shift() : number));
      rig.from = from;
      rig.written = Array.from({ length }, (_, at) => {
        const row = values.slice(HEADER + at * ROW, HEADER + (at + 1) * ROW);
        return [row[0], row.at(-1)];
      });
      if (rig.unusable) return undefined;
      return rig.inForce;
    },
    summary: () => Float64Array.of(rig.rows.length / 11, 10, 2.5, ...rig.dropped),
    servers: () => Float64Array.from(rig.rows),
    id: (server) => `id ${server}`,
    url: (server) => `ws://${server}.example/`,
    ...core,
  };
  rig.view = new View(rig.core, WORDS, opinions);
  rig.take = (document, from = GIVEN, base = "https://seed.example/s") => rig.view.take(0, from, { document, base });
  return rig;
}

test("who may be connected to is asked of every URL as it will be, and the others are written out as forbidden", () => {
  const asked = [];
  const allows = (url) => {
    asked.push(url.href);
    return url.host !== "evil.example";
  };
  const made = rig({ allows });
  made.take([
    { url: "wss://a.example/ws" },
    { url: "/relative" },
    { url: "wss://evil.example/ws" },
    { url: "https://a.example@evil.example/" },
    { url: "http://[" },
    { url: 5 },
    null,
  ]);
  assert.deepEqual(asked, [
    "wss://a.example/ws",
    "https://seed.example/relative",
    "wss://evil.example/ws",
    "https://a.example@evil.example/",
  ]);
  assert.deepEqual(
    made.written.map(([url]) => url),
    ["wss://a.example/ws", "https://seed.example/relative", FORBIDDEN, FORBIDDEN, GARBAGE, ABSENT, NO_ENTRY],
  );
});

test("every list is held to it: from a seed, given, kept and the fallback", () => {
  const made = rig({ allows: () => false });
  for (const from of [1, GIVEN, -2, FALLBACK]) {
    made.take([{ url: "wss://a.example/" }], from);
    assert.deepEqual([made.from, made.written], [from, [[FORBIDDEN, ABSENT]]]);
  }
});

test("a rank is written beside the priority, null leaves the server out, and what is no number is garbage", () => {
  const ranks = [0, 7, 255, null, -1, Number.NaN, Infinity, undefined, "1", {}, true];
  const entries = ranks.map((rank, at) => ({ url: `wss://${at}.example/`, priority: 3, rank }));
  const asked = [];
  const made = rig({
    rank(entry) {
      asked.push(entry);
      return entry.rank;
    },
  });
  made.take(entries);
  assert.deepEqual(
    made.written.map(([, rank]) => rank),
    [0, 7, 255, OUT, GARBAGE, GARBAGE, Infinity, "", "", "", ""],
  );
  assert.deepEqual(
    made.written.map(([url]) => url),
    entries.map(({ url }) => url),
    "and no text is taken for another",
  );
  assert.deepEqual(asked, entries, "it is given each entry as the list has it");
});

test("what is no entry is not ranked, and without a rank nothing is", () => {
  const asked = [];
  const made = rig({ rank: (entry) => asked.push(entry) });
  made.take([null, "text", [], {}]);
  assert.deepEqual([asked, made.written.at(-1)], [[{}], [ABSENT, 1]]);
  const plain = rig({});
  plain.take([{ url: "wss://a.example/", rank: 5 }]);
  assert.deepEqual(plain.written, [["wss://a.example/", ABSENT]]);
});

test("an application's functions that throw are reported: nothing is allowed then, and the rank is garbage", async (t) => {
  const reported = reports(t);
  const [no, none] = [new Error("allow"), new Error("rank")];
  const { settings } = await running({ allow: throwing(no), rank: throwing(none) });
  const { allows, rank } = settings;
  assert.equal(allows(new URL("wss://a.example")), false);
  assert.ok(Number.isNaN(rank({})));
  assert.deepEqual(await reported(), [no, none]);
});

test("without the options there are no opinions", async () => {
  const { settings } = await running();
  assert.deepEqual([settings.allows, settings.rank], [undefined, undefined]);
});

test("a list of ten thousand and more is written out as far as it can be used, and its length is told", () => {
  const taken = [];
  const take = (_now, _from, length, numbers) => taken.push(length, numbers.length) > 0;
  const made = rig({}, { take });
  made.take(Array.from({ length: 10_002 }, () => ({ url: "wss://a.example/" })));
  assert.deepEqual(taken, [10_002, 100_005]);
});

const row = (entry, flags, excluded = -1) => [entry, 50, 100, 1, 3, flags, 0.25, excluded, 1, 2_000, 4];

test("what came into force is told, with what was left out of it", () => {
  const made = rig({});
  Object.assign(made, { rows: row(0, 1), dropped: [1, 0, 7, 1] });
  assert.deepEqual(made.take({ version: 42, servers: [{}, {}] }), {
    ...{ servers: 1, ttl: 10, age: 2.5, version: 42 },
    dropped: [
      { index: 1, code: "url-missing" },
      { index: 7, code: "url-forbidden" },
    ],
  });
  assert.equal(made.view.version, 42);
});

test("a list that its application goes on changing stays what it was when it was taken", () => {
  const made = rig({});
  made.rows = [...row(0, 1), ...row(1, 1)];
  const list = [{ id: "a" }, { id: "b" }];
  made.take(list);
  list.reverse();
  list[1].id = "c";
  assert.deepEqual(
    made.view.probabilities(0).map(({ id }) => id),
    ["a", "b"],
  );
});

test("a list that is ignored or unusable changes nothing of what is in force, but says what was wrong", () => {
  const made = rig({});
  made.rows = row(0, 1);
  made.take({ version: "first", servers: [{ region: "eu" }] });
  made.inForce = false;
  assert.equal(made.take({ version: "older", servers: [{ region: "us" }] }), undefined);
  Object.assign(made, { unusable: true, dropped: [0, 0] });
  assert.throws(
    () => made.take({ version: "empty", servers: [{}] }),
    ({ code }) => code === "list-empty",
  );
  assert.deepEqual(made.view.dropped, [{ index: 0, code: "url-missing" }]);
  for (const garbage of [undefined, null, 5, "text", {}, { servers: {} }]) {
    assert.throws(
      () => made.take(garbage),
      ({ code }) => code === "list-invalid",
    );
  }
  assert.deepEqual([made.view.version, made.view.statuses(0)[0].region], ["first", "eu"]);
});

test("a list kept for later is what it was when it is resorted to, with its own entries", () => {
  const made = rig({});
  Object.assign(made, { inForce: false, dropped: [1, 1] });
  assert.equal(made.take({ version: "kept", servers: [{ region: "eu" }, {}] }, FALLBACK), undefined);
  made.dropped = [];
  made.inForce = true;
  made.rows = row(0, 1);
  made.take({ version: "seed's", servers: [{ region: "us" }] }, 1);
  assert.equal(made.view.statuses(0)[0].region, "us");
  assert.deepEqual(made.view.resort(FALLBACK), {
    ...{ servers: 1, ttl: 10, age: 2.5, version: "kept" },
    dropped: [{ index: 1, code: "url-forbidden" }],
  });
  assert.equal(made.view.statuses(0)[0].region, "eu");
});

test("a server is the entry as it was written, with the fields that the core made of it", () => {
  const made = rig({});
  made.rows = [...row(1, 1), ...row(0, 2, 1)];
  const hostile = { excluded: "mine", probability: 9, health: "mine", utilisation: 9 };
  made.take([
    { id: "x", url: "/x", region: "eu", users: "many" },
    { region: "us", ...hostile },
  ]);
  const [first, second] = made.view.statuses(0);
  assert.deepEqual(first, {
    ...{ region: "us", id: "id 0", url: "ws://0.example/", available: true, draining: false, users: 50 },
    ...{ capacity: 100, weight: 1, priority: 3, utilisation: 0.5, probability: 0.25, excluded: undefined },
    health: { lost: true, ejectedFor: 2_000, ejections: 4 },
  });
  assert.deepEqual(
    [second.region, second.available, second.draining, second.users, second.excluded],
    ["eu", false, true, 50, "lost"],
  );
});

test("a decision says why, and what the chances of all were", () => {
  const made = rig({});
  made.rows = [...row(0, 1), ...row(1, 2, 0)];
  made.take([{ region: "eu" }, { region: "us" }]);
  const { server, ...decision } = made.view.decision(0, [1, 3, 0.75, 1]);
  assert.deepEqual([server.id, server.region], ["id 1", "us"]);
  assert.deepEqual(decision, {
    ...{ group: 3, probability: 0.75, reason: "spill" },
    probabilities: [
      { id: "id 0", probability: 0.25 },
      { id: "id 1", probability: 0.25, excluded: "unavailable" },
    ],
  });
});

test("a name is asked of the core once, until another list is in force", () => {
  let asked = 0;
  const id = () => {
    asked += 1;
    return "a";
  };
  const made = rig({}, { id });
  made.rows = row(0, 1);
  made.take([{}]);
  made.view.probabilities(0);
  made.view.statuses(0);
  assert.equal(asked, 1);
  made.take([{}]);
  made.view.probabilities(0);
  assert.equal(asked, 2);
});
