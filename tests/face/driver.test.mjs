// What the driver does between a core and a face that are moved by hand; with the real ones it is tested in browsers
// (`tests/web`).
import assert from "node:assert/strict";
import { test } from "node:test";
import { EvenkeelError } from "../../dist/errors.js";
import { deferred, rig, says, told } from "./core.mjs";
import { page, settled, stub, throwing } from "./rig.mjs";

/** What the face was told, of these kinds. */
const toldOf = ({ told }, ...kinds) => told.filter(([kind]) => kinds.includes(kind));

/** The closures of which the face was told. */
const closures = (made) => toldOf(made, "closed").map(([, closure]) => closure);

/** The events of this type, as their details. */
const events = ({ told }, type) =>
  told.filter((it) => it[0] === "emit" && it[1] === type).map(([, , detail]) => detail);

const stubborn = () => ({ close: throwing(new Error("close")) });
const abnormal = { code: 1006, reason: "", wasClean: false, errored: true, final: false };
const answer = (document, init) => ({ response: Response.json(document, init), document });

test("a listener that closes when it hears of the decision keeps it from being carried out", () => {
  const made = rig();
  made.face.emit = () => {
    made.state = 6;
  };
  made.does(says.connect(1), says.abandon(1), says.lost(1, { final: true }));
  assert.deepEqual(made.wires, []);
  assert.deepEqual(closures(made), [{ ...abnormal, final: true }]);
});

test("a socket that throws when it is let go of keeps nobody from hearing that it is lost", () => {
  const made = rig({ make: stubborn });
  made.does(says.connect(1), says.abandon(1), says.lost(1));
  assert.deepEqual(closures(made), [abnormal]);

  const lost = rig({ make: stubborn });
  lost.does(says.connect(1));
  lost.since();
  lost.wires[0].onclose({ code: 1012, reason: "", wasClean: true });
  assert.deepEqual(lost.since(), [["closed", 1, 1012, true]]);
});

test("a socket that throws at the closing handshake is waited for no longer than one that does not answer", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const made = rig({ make: stubborn });
  made.does(says.connect(1));
  made.commands.push(says.close(1));
  made.timeout = performance.now() + 1_000;
  made.driver.close(1000, "");
  assert.deepEqual(closures(made), []);
  made.commands.push(says.abandon(1), says.lost(1, { final: true }));
  t.mock.timers.tick(2_000);
  assert.deepEqual(closures(made), [{ ...abnormal, final: true }]);
});

test("a socket that was let go of has an ear for errors: emitters throw those that nobody hears", () => {
  const made = rig();
  made.does(says.connect(1), says.abandon(1));
  const [{ onopen, onmessage, onclose, onerror, closed }] = made.wires;
  assert.deepEqual([onopen, onmessage, onclose, closed], [null, null, null, [[]]]);
  made.since();
  onerror(new Error("closed before the connection was established"));
  assert.deepEqual(made.since(), []);
});

test("only the connection that stands is heard, and the one that it has replaced", () => {
  const made = rig();
  const [lost, replaced] = [made.opens(1), made.opens(2)];
  lost.onclose({ code: 1006, reason: "", wasClean: false });
  assert.equal(lost.onmessage, null);
  made.opens(3).onmessage({ data: "new" });
  replaced.onmessage({ data: "old" });
  assert.deepEqual(toldOf(made, "message"), [
    ["message", "new"],
    ["message", "old"],
  ]);
});

test("every retry after a seed's failure says how it failed, by the core's cause where nothing more is known", () => {
  const made = rig();
  made.does(says.fetch(1), says.retry(100, 0, 0), says.fetch(2));
  made.commands.push(says.retry(100, 1, 0), says.fetch(3));
  made.driver.answered(2, { response: new Response("", { status: 503, headers: { "retry-after": "7" } }) });
  assert.deepEqual(made.since(), [["listFailed", 2, 503, 7]]);
  const known = new EvenkeelError("list-not-json", new SyntaxError("cut"));
  made.commands.push(says.retry(100, 1, 0));
  made.driver.unanswered(3, known);
  assert.deepEqual(
    events(made, "retry").map(({ cause, code }) => [cause, code]),
    [
      ["seed-timeout", "seed-timeout"],
      ["seed-overloaded", "seed-overloaded"],
      ["seed-overloaded", "list-not-json"],
    ],
  );
  const [silent, busy, cut] = events(made, "retry").map(({ error }) => error);
  assert.match(silent.message, /too long$/);
  assert.match(busy.message, /: 503 from https:\/\/seed\.example\/s$/);
  assert.equal(cut, known);
});

test("what the core does not tell of at once is not told with what comes later", () => {
  const made = rig();
  made.does(says.watch(1));
  made.driver.unanswered(1, new EvenkeelError("stream-ended"));
  made.does(says.retry(100, 0, 0));
  assert.equal(events(made, "retry")[0].code, "seed-timeout");
});

test("a retry for any other cause has no code, whatever a seed did before", () => {
  const made = rig();
  made.does(says.fetch(1));
  made.driver.unanswered(1, new EvenkeelError("seed-unreachable"));
  made.does(says.retry(100, 2, 3));
  assert.deepEqual(events(made, "retry"), [{ delay: 100, cause: "crash", attempt: 3 }]);
});

test("a failure of the answer is told as an answer that is no list, every other as no answer", () => {
  const made = rig();
  const codes = [
    "list-not-json",
    "list-too-large",
    "parse-failed",
    "seed-unreachable",
    "seed-redirected",
    "seed-failed",
  ];
  codes.forEach((code, at) => {
    made.does(says.fetch(at + 1));
    made.driver.unanswered(at + 1, new EvenkeelError(code));
  });
  assert.deepEqual(
    made.since().map(([, , status]) => status),
    [200, 200, 200, 0, 0, 0],
  );
});

test("an answer that has waited to be taken is older by that", () => {
  const made = rig();
  const ages = [undefined, "3"].map((age) => {
    made.does(says.fetch(1));
    made.since();
    const headers = age === undefined ? {} : { age };
    made.driver.answered(1, { ...answer([{ url: "ws://a.example/" }], { headers }), at: performance.now() - 5_000 });
    const [[, , , taken]] = made.since();
    return taken;
  });
  assert.ok(ages[0] >= 5 && ages[0] < 6 && ages[1] >= 8 && ages[1] < 9, String(ages));
});

test("a list without a usable server says what was wrong with its entries", () => {
  const made = rig();
  made.does(says.fetch(1));
  made.unusable = true;
  made.core.summary = () => Float64Array.of(Number.NaN, Number.NaN, Number.NaN, 0, 1, 7, 0);
  made.commands.push(says.retry(100, 3, 0));
  made.driver.answered(1, answer([{}]));
  const [{ code, dropped, error }] = events(made, "retry");
  assert.equal(code, "list-empty");
  assert.match(error.message, /: entry 0: url-forbidden, entry 7: url-missing$/);
  assert.deepEqual(dropped, [
    { index: 0, code: "url-forbidden" },
    { index: 7, code: "url-missing" },
  ]);
});

test("the core is given every setting, and NaN for those that there are not", (t) => {
  const settings = {
    ...{
      seeds: ["a", "b", "c"],
      seedTimeout: 1,
      refreshInterval: 2,
      credentialTimeout: 3,
      connectTimeout: 4,
      minUptime: 5,
    },
    ...{ closeTimeout: 6, heartbeat: { interval: 7, timeout: 8 }, silenceTimeout: 9, linger: 10 },
    ...{ affinity: "room", randomSeed: 11 },
  };
  const numbers = ({ given }) => [...given[2]];
  const all = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
  assert.deepEqual(numbers(rig({ settings, face: { credentials: async () => {} } })), all);
  assert.deepEqual(numbers(rig({ settings: { ...settings, keeps: true } })), all);
  const bare = { ...settings, refreshInterval: false, heartbeat: undefined, silenceTimeout: undefined };
  const { NaN: none } = Number;
  assert.deepEqual(numbers(rig({ settings: bare })), [1, Infinity, none, 4, 5, 6, none, none, none, 10]);
  const [seed, seeds, , , affinity] = rig({ settings }).given;
  assert.deepEqual([seed, seeds, affinity], [11, 3, "room"]);

  const bits = (settings) => rig({ settings }).given[3];
  assert.deepEqual(
    ["hedge", "failback", "rebalance", "keeps"].map((flag) => bits({ [flag]: true })),
    [2, 4, 8, 0],
  );
  const prepare = () => {};
  assert.deepEqual(
    [bits({ prepare }), bits({ prepare, rebalance: false })],
    [1 + 8, 1],
    "to rebalance costs nothing then",
  );
  stub(t, "navigator", { value: { userAgent: "Mozilla/5.0 Gecko/20100101 Firefox/153.0" } });
  assert.equal(bits({}), 16, "Firefox delays attempts");
  stub(t, "origin", { value: "https://page.example" });
  assert.equal(bits({ hedge: true }), 2 + 16 + 32);
});

test("what arrived is told before the core is asked what to do, once, as of when the platform stamped it", () => {
  const made = rig();
  const wire = made.opens(1);
  const { poll } = made.core;
  let polls = 0;
  made.core.poll = () => {
    made.heard.push(["poll"]);
    polls += 1;
    return poll();
  };
  made.since();
  wire.onmessage({ data: "1", timeStamp: 10 });
  wire.onmessage({ data: "2", timeStamp: 12.5 });
  assert.deepEqual(made.since(), [], "a message alone costs no call into the wasm");
  made.does();
  assert.deepEqual(made.since(), [["heard", 1, 12.5], ["poll"]]);
  made.does();
  assert.deepEqual(made.since(), [["poll"]]);
  assert.equal(polls, 2);
});

test("where messages are not stamped, they arrive when they are heard", () => {
  const made = rig();
  const wire = made.opens(1);
  made.since();
  const before = performance.now();
  wire.onmessage({ data: "emitters stamp nothing" });
  made.driver.snapshot();
  const [[name, attempt, at]] = made.since();
  assert.deepEqual([name, attempt, at >= before && at <= performance.now()], ["heard", 1, true]);
});

test("the close of a connection comes after what arrived on the others", () => {
  const made = rig();
  const [first, second] = [made.opens(1), made.opens(2)];
  made.since();
  second.onmessage({ data: "1", timeStamp: 5 });
  made.commands.push(says.state());
  first.onclose({ code: 1000, reason: "", wasClean: true });
  assert.deepEqual(made.since(), [
    ["closed", 1, 1000, true],
    ["heard", 2, 5],
  ]);
});

test("without a wish for credentials an attempt goes to the server's own URL, at once", () => {
  const made = rig();
  made.does(says.connect(1, { beside: true, server: 1 }));
  const [[, url, protocols, server, beside]] = toldOf(made, "dial");
  assert.deepEqual([url, protocols, server.id, beside], ["ws://b.example/", undefined, "b", true]);
  assert.deepEqual(made.since(), [], "it need not be told that it is under way");
});

test("with credentials the core is told when an attempt is under way, and nothing is dialled before", async () => {
  const { promise, resolve } = deferred();
  const asked = [];
  const made = rig({
    face: {
      credentials: ({ id }) => {
        asked.push(id);
        return promise;
      },
    },
  });
  made.does(says.connect(1, { server: 1 }));
  assert.deepEqual([asked, made.wires, made.since()], [["b"], [], []]);
  made.face.dial = (...given) => {
    made.heard.push(["dial", ...given.slice(0, 2)]);
    return {};
  };
  resolve({ url: "ws://b.example/?token", protocols: ["p"] });
  await settled();
  assert.deepEqual(made.since(), [told("dialed", 1), ["dial", "ws://b.example/?token", ["p"]]]);
});

test("credentials that cannot be had fail the attempt, with the error", async () => {
  const error = new Error("no token");
  const made = rig({ face: { credentials: () => Promise.reject(error) } });
  made.does(says.connect(1));
  made.commands.push(says.lost(1));
  await settled();
  assert.deepEqual(made.since(), [told("no credentials", 1)]);
  assert.deepEqual(closures(made), [{ ...abnormal, error }]);
  made.does(says.lost(1));
  assert.deepEqual(closures(made)[1], abnormal, "the error is told once");
});

test("credentials that come too late are for nobody", async () => {
  for (const outcome of ["resolve", "reject"]) {
    const made = rig();
    const { promise, ...settle } = deferred();
    made.face.credentials = () => promise;
    made.does(says.connect(1), says.abandon(1), says.lost(1));
    settle[outcome]({ url: "ws://late.example", protocols: [] });
    await settled();
    assert.deepEqual([made.since(), made.wires, closures(made)], [[], [], [abnormal]], outcome);
  }
});

test("a socket that cannot be made is the end of its attempt, with or without credentials", async () => {
  const error = new Error("bad port");
  for (const credentials of [undefined, async () => ({ url: "ws://a.example", protocols: [] })]) {
    const made = rig({ face: { credentials, dial: throwing(error) } });
    made.commands.push(says.connect(1));
    // The core says this once it knows.
    made.core.closed = (_now, ...given) => {
      made.heard.push(["closed", ...given]);
      made.commands.push(says.lost(1));
    };
    made.does();
    await settled();
    assert.deepEqual(made.since().at(-1), ["closed", 1, 1006, true]);
    assert.deepEqual(closures(made), [{ ...abnormal, error }]);
  }
});

test("while a connection is being prepared, what arrives goes to the application alone", async () => {
  const { promise, resolve } = deferred();
  const made = rig({
    face: {
      prepare(socket, { id }) {
        made.told.push(["prepare", socket, id]);
        return promise;
      },
    },
  });
  made.does(says.connect(1));
  const [wire] = made.wires;
  made.commands.push(says.prepare(1));
  wire.onopen();
  assert.deepEqual(made.since(), [told("opened", 1)]);
  assert.deepEqual(toldOf(made, "prepare"), [["prepare", wire, "a"]]);
  assert.equal(wire.onmessage, null);
  const theirs = () => {};
  Object.assign(wire, { readyState: 1, onmessage: theirs, onerror: theirs, onclose: theirs });
  made.commands.push(says.opened(1));
  resolve();
  await settled();
  assert.deepEqual(made.since(), [told("prepared", 1)]);
  wire.onmessage({ data: "1" });
  assert.deepEqual(made.told.slice(-2), [
    ["opened", "a"],
    ["message", "1"],
  ]);
  wire.onclose({ code: 1001, reason: "", wasClean: true });
  assert.deepEqual(made.since(), [["closed", 1, 1001, true]]);
});

test("a connection that cannot be prepared is a failed attempt, with the error", async () => {
  const error = new Error("not logged in");
  const made = rig({ face: { prepare: () => Promise.reject(error) } });
  made.does(says.connect(1));
  made.commands.push(says.prepare(1));
  made.wires[0].onopen();
  made.since();
  made.commands.push(says.abandon(1), says.lost(1));
  await settled();
  assert.deepEqual(made.since(), [told("unprepared", 1)]);
  assert.deepEqual(closures(made), [{ ...abnormal, error }]);
  assert.deepEqual(made.wires[0].closed, [[]]);
});

test("what becomes of a preparation does not matter once the attempt is over", async () => {
  for (const outcome of ["resolve", "reject"]) {
    const { promise, ...settle } = deferred();
    const made = rig({ face: { prepare: () => promise } });
    made.does(says.connect(1));
    made.commands.push(says.prepare(1));
    const [wire] = made.wires;
    wire.onopen();
    wire.onclose({ code: 1001, reason: "gone", wasClean: true });
    made.since();
    settle[outcome](new Error("too late"));
    await settled();
    assert.deepEqual([made.since(), wire.onmessage], [[], null], outcome);
  }
});

test("a connection that ended while its handlers were the application's is not taken for one that stands", async () => {
  const { promise, resolve } = deferred();
  const made = rig({ face: { prepare: () => promise } });
  made.does(says.connect(1));
  made.commands.push(says.prepare(1));
  const [wire] = made.wires;
  wire.onopen();
  made.since();
  wire.onclose = () => resolve();
  wire.readyState = 3;
  wire.onclose({ code: 1006, reason: "", wasClean: false });
  await settled();
  const heard = made.since();
  assert.equal(heard.length, 1, "nor is it forgotten");
  assert.notDeepEqual(heard[0], told("prepared", 1));
});

test("a lost connection is told of as it ended, and an error comes first only if there was one", () => {
  const made = rig();
  const clean = made.opens(1);
  made.commands.push(says.lost(1));
  clean.onclose({ code: 4001, reason: "why", wasClean: true });
  const broken = made.opens(2);
  made.commands.push(says.lost(2));
  broken.onerror();
  broken.onclose({ code: 1006, reason: "", wasClean: false });
  made.does(says.connect(3));
  made.commands.push(says.lost(3));
  made.wires.at(-1).onclose({ code: 1006, reason: "", wasClean: false });
  assert.deepEqual(closures(made), [
    { code: 4001, reason: "why", wasClean: true, errored: false, final: false },
    abnormal,
    // Firefox fires no error for it.
    abnormal,
  ]);
});

test("the application is asked whether the end is final only where the core wants to know", () => {
  const asked = [];
  const verdict = ({ code }, final) => {
    asked.push([code, final]);
    return false;
  };
  const made = rig({ face: { verdict } });
  for (const [attempt, asks, code] of [
    [1, true, 1001],
    [2, true, 4000],
    [3, false, 4000],
  ]) {
    const wire = made.opens(attempt);
    made.asks = asks;
    made.since();
    wire.onclose({ code, reason: "", wasClean: true });
    assert.deepEqual(made.since(), [["closed", attempt, code, !asks]]);
  }
  assert.deepEqual(asked, [
    [1001, false],
    [4000, true],
  ]);
});

test("an attempt that ends beside another one is no event", () => {
  const made = rig();
  made.opens(1);
  made.does(says.connect(2, { beside: true }));
  made.wires[1].onclose({ code: 1006, reason: "", wasClean: false });
  assert.deepEqual(closures(made), []);
  made.does(says.lost(1));
  assert.deepEqual(closures(made), [abnormal], "and its end is not told as another one's");
});

test("what is left for another connection is told as moved, whatever became of it", () => {
  const made = rig();
  const lost = made.opens(1);
  made.opens(2);
  made.does(says.lost(1, { moved: 1 }));
  made.commands.push(says.lost(1, { moved: 0 }));
  lost.onerror();
  lost.onclose({ code: 1006, reason: "", wasClean: false });
  const moved = (reason) => ({ code: 1012, reason, wasClean: true, errored: false, final: false, moved: true });
  assert.deepEqual(closures(made), [moved("failback"), moved("drain")]);
});

test("a move that needs no close is told with where it leads and why", () => {
  const made = rig();
  made.opens(1);
  made.opens(2, { server: 1 });
  made.does(says.migrated(2, 1, 1));
  assert.deepEqual(made.told.at(-1), ["migrated", "b", "failback"]);
});

test("a connection that has been replaced is closed with 1000, and heard to its end", () => {
  const made = rig({ face: { verdict: () => assert.fail("asked") } });
  const old = made.opens(1);
  const present = made.opens(2);
  made.does(says.retire(1));
  made.asks = false;
  assert.deepEqual([old.closed, present.closed], [[[1000]], []]);
  old.onmessage({ data: "last" });
  assert.deepEqual(made.told.at(-1), ["message", "last"]);
  made.since();
  old.onclose({ code: 1000, reason: "", wasClean: true });
  assert.deepEqual(made.since(), [["closed", 1, 1000, true]]);
  assert.deepEqual(closures(made), []);
});

test("the application's farewell goes to the connection that stands", () => {
  for (const [given, farewell] of [
    [
      [4001, "bye"],
      [4001, "bye"],
    ],
    [[undefined, ""], []],
  ]) {
    const made = rig();
    const wire = made.opens(1);
    made.commands.push(says.close(1));
    made.since();
    made.driver.close(...given);
    assert.deepEqual([made.since(), wire.closed], [[told("close")], [farewell]]);
  }
});

test("the ping is sent on the connection that it is for", () => {
  const made = rig();
  const wire = made.opens(1);
  made.opens(2);
  made.does(says.beat(1));
  assert.deepEqual(toldOf(made, "beat"), [["beat", wire]]);
});

test("the core is told of a ping that could not be sent, and takes it for no sign of life", () => {
  for (const sent of [true, false]) {
    const made = rig({ face: { beat: () => sent } });
    made.opens(1);
    made.since();
    made.does(says.beat(1));
    made.driver.snapshot();
    assert.deepEqual(made.since(), sent ? [] : [told("not asked", 1)]);
  }
});

test("a time that is not of this clock is no sign of life from the future", () => {
  const made = rig();
  const wire = made.opens(1);
  made.since();
  wire.onmessage({ data: "x", timeStamp: Date.now(), target: wire });
  made.driver.snapshot();
  const [[what, attempt, at]] = made.since();
  assert.deepEqual([what, attempt], ["heard", 1]);
  assert.ok(at < 1e10 && Number.isFinite(at));
});

test("a move that goes on as the way back is the server that is chosen now, unless the loss was final or a move", () => {
  for (const [how, chosen, state] of [
    [{}, "b", 3],
    [{ final: true }, undefined, 7],
    [{ moved: 1 }, undefined, 2],
  ]) {
    const made = rig();
    made.opens(1);
    made.does(says.connect(2, { beside: true, server: 1 }));
    made.told.length = 0;
    made.state = state;
    made.does(says.abandon(1), says.lost(1, how));
    assert.deepEqual(toldOf(made, "chose").at(-1)?.[1], chosen);
  }
});

test("of two attempts, the one that goes on alone is the server that is chosen now, unless there is a connection", () => {
  const ways = [(made) => made.does(says.abandon(1)), (made) => made.wires[0].onclose({ code: 1006 })];
  for (const goes of ways) {
    for (const [state, chosen] of [
      [1, [["chose", "b"]]],
      [3, [["chose", "b"]]],
      [4, []],
      [6, []],
    ]) {
      const made = rig();
      made.does(says.connect(1), says.connect(2, { beside: true, server: 1 }));
      made.told.length = 0;
      made.state = state;
      goes(made);
      assert.deepEqual(toldOf(made, "chose"), chosen);
    }
  }
});

test("of two attempts, the one that goes on alone shows where its credentials lead, once they do", async () => {
  const [shown, answers] = [[], []];
  const credentials = () => {
    answers.push(deferred());
    return answers.at(-1).promise;
  };
  const dial = (url) => ({ url, readyState: 0, close() {} });
  const made = rig({ face: { credentials, dial, chose: (url) => shown.push(url) } });
  made.does(says.connect(1), says.connect(2, { beside: true, server: 1 }), says.abandon(1));
  answers[1].resolve({ url: "ws://b.example/?ticket=2" });
  await settled();
  assert.equal(shown.at(-1), "ws://b.example/?ticket=2");
});

test("what is said of an attempt that is over moves nobody", () => {
  const made = rig();
  const over = [says.opened, says.close, says.abandon, says.prepare, says.beat, says.retire];
  made.does(...over.map((say) => say(9)), says.migrated(9, 0, 8), says.cancel(9));
  assert.deepEqual(made.told, []);
});

test("reconnect() closes a connection that stands as if it had been asked to, and one that has ended as it ended", () => {
  const made = rig();
  made.opens(1);
  made.state = 2;
  made.commands.push(says.abandon(1), says.lost(1));
  made.driver.reconnect();
  assert.deepEqual(made.since().at(-1), told("reconnect"));
  assert.deepEqual(closures(made), [{ code: 1000, reason: "", wasClean: true, errored: false, final: false }]);

  const ended = rig();
  const wire = ended.opens(1);
  ended.state = 2;
  ended.face.verdict = () => {
    // As an application may do that hears of the end there.
    ended.driver.reconnect();
    return true;
  };
  ended.core.closed = () => ended.commands.push(says.lost(1));
  wire.onclose({ code: 4001, reason: "", wasClean: true });
  assert.deepEqual(closures(ended)[0].code, 4001);
});

test("reconnect() is a clean end also for who hears that a move has failed", () => {
  const made = rig();
  made.opens(1);
  made.does(says.connect(2, { beside: true }));
  Object.assign(made, { state: 2, asks: false });
  made.face.changed = () => {
    made.commands.push(says.abandon(1), says.lost(1));
    made.driver.reconnect();
  };
  made.commands.push(says.state());
  made.wires[1].onclose({ code: 1006, reason: "", wasClean: false });
  assert.deepEqual(
    closures(made).map(({ code, errored }) => [code, errored]),
    [[1000, false]],
  );
});

test("what nobody has asked about is not told of another connection later", () => {
  const made = rig();
  made.opens(1);
  made.state = 2;
  made.driver.reconnect();
  made.opens(2);
  made.does(says.lost(2));
  assert.deepEqual(closures(made), [abnormal]);
});

test("to begin anew while nothing stands is no clean end", () => {
  const made = rig();
  made.does(says.connect(1));
  made.state = 3;
  made.commands.push(says.abandon(1), says.lost(1));
  made.driver.reconnect();
  assert.deepEqual(closures(made), [abnormal]);
});

test("refresh() and migrate() are the core's to judge", () => {
  const made = rig();
  made.driver.refresh();
  made.driver.migrate();
  assert.deepEqual(made.heard, [told("refresh"), told("migrate")]);
});

test("a list in force is told of with the seed that it is from, and kept; any other is neither", () => {
  const made = rig({ settings: { seeds: 2, bases: ["https://a.example/s", "https://b.example/s"] } });
  const headers = { age: "7", "cache-control": "public, max-age=30" };
  made.does(says.fetch(1, 1), says.fetch(2, 0));
  made.driver.answered(1, answer({ version: "v", servers: [{}, {}] }, { headers }));
  assert.deepEqual(made.since(), [["take", 1, 2, 7, 30, Number.NaN]]);
  assert.deepEqual(events(made, "list"), [{ servers: 2, dropped: [], ttl: 10, age: null, version: "v", seed: 1 }]);
  const kept = { document: { version: "v", servers: [{}, {}] }, base: "https://b.example/s", age: 7, maxAge: 30 };
  assert.deepEqual(toldOf(made, "remember"), [["remember", kept]]);

  made.inForce = false;
  made.driver.answered(2, answer([{}]));
  assert.deepEqual([events(made, "list").length, toldOf(made, "remember").length], [1, 1]);
});

test("an answer that nobody waits for any more is not read", () => {
  const made = rig();
  made.does(says.fetch(1), says.cancel(1));
  const [[, seed, request, signal]] = toldOf(made, "ask");
  assert.deepEqual([seed, request, signal.aborted], [0, 1, true]);
  made.driver.answered(1, answer([{}]));
  made.driver.unanswered(1, new EvenkeelError("seed-unreachable"));
  assert.deepEqual(made.since(), []);
});

test("a list of the application's own is in force by nobody's word, and is not kept", () => {
  const made = rig();
  made.driver.update([{}], "https://page.example");
  assert.deepEqual(made.since(), [["take", 0, 1, Number.NaN, Number.NaN, Number.NaN]]);
  assert.deepEqual(events(made, "list")[0].seed, null);
  assert.deepEqual(toldOf(made, "remember"), []);
  made.commands.push(says.state());
  made.unusable = true;
  assert.throws(
    () => made.driver.update([{}], ""),
    ({ code }) => code === "list-empty",
  );
  assert.throws(
    () => made.driver.update("none", ""),
    ({ code }) => code === "list-invalid",
  );
  assert.deepEqual(made.commands, [], "and what the core has to say is heard all the same");
});

test("the list of an earlier visit is as old as it is, and without effect where it cannot be used", (t) => {
  t.mock.method(performance, "now", () => 5_000);
  const cached = { document: [{}], base: "https://seed.example/s", age: 3, maxAge: null, ago: 60_000 };
  const taken = rig({ settings: { cached } });
  taken.driver.start();
  assert.deepEqual(taken.since(), [["take", -2, 1, 3, Number.NaN, 5_000 - 60_000], told("start")]);
  assert.deepEqual([events(taken, "list")[0].seed, toldOf(taken, "remember")], [null, []]);

  for (const garbage of [
    { ago: Number.NaN },
    { ago: 1, document: "none" },
    { ...cached, base: 5, age: {}, maxAge: "x" },
  ]) {
    const made = rig({ settings: { cached: garbage } });
    made.driver.start();
    made.does(says.fetch(1));
    assert.equal(toldOf(made, "ask").length, 1);
  }
});

test("a fixed list comes before that of an earlier visit", () => {
  const made = rig({ settings: { fixed: [{}, {}], bases: [""], cached: { document: [{}], ago: 1 } } });
  made.driver.start();
  const [[name, from, length], ...then] = made.since();
  assert.deepEqual([name, from, length, then], ["take", 0, 2, [told("start")]]);
});

test("a list that is kept for later is told of when it is resorted to, as it was", () => {
  const document = { version: "kept", servers: [{ region: "eu" }] };
  for (const [settings, fallback] of [
    [{ fallback: document }, true],
    [{ cached: { document, ago: 1 } }, false],
  ]) {
    const made = rig({ settings, inForce: false });
    made.driver.start();
    assert.deepEqual(events(made, "list"), []);
    made.does(says.resort({ fallback }));
    assert.deepEqual(events(made, "list"), [
      { servers: 2, dropped: [], ttl: 10, age: null, version: "kept", seed: null },
    ]);
    assert.equal(made.driver.servers()[0].region, "eu");
    assert.equal(made.driver.snapshot().list, null, "the core has none");
  }
});

test("a fallback that cannot be used ends the driver before it begins, and leaves nothing", () => {
  const made = rig({ settings: { fallback: "none" } });
  assert.throws(
    () => made.driver.start(),
    ({ code }) => code === "list-invalid",
  );
  made.driver.free();
  assert.deepEqual(made.heard, [["free"]]);
});

test("a listener of the first list that closes has kept the driver from starting", () => {
  const made = rig({ settings: { fixed: [{}], bases: [""] } });
  made.face.emit = () => {
    made.state = 6;
  };
  made.driver.start();
  assert.deepEqual(
    made.since().map(([name]) => name),
    ["take"],
  );
});

test("what the platform says of page and network reaches the core, and to be shown again is to look", (t) => {
  const { fire, document } = page(t);
  const made = rig();
  made.driver.start();
  assert.deepEqual(made.since(), [told("start")]);
  fire("window", "offline");
  fire("window", "online");
  fire("document", "resume");
  assert.deepEqual(made.since(), [told("offline"), told("online"), told("wake")]);
  made.commands.push(says.beat(1));
  fire("document", "visibilitychange");
  assert.deepEqual([made.since(), made.commands], [[told("look")], []]);
  document.visibilityState = "hidden";
  fire("document", "visibilitychange");
  assert.deepEqual(made.since(), [told("hidden")]);
});

test("a page that is hidden at the start is told before the start", (t) => {
  page(t).document.visibilityState = "hidden";
  const made = rig();
  made.driver.start();
  assert.deepEqual(made.since(), [told("hidden"), told("start")]);
});

test("each list of a stream is taken as an answer, what else arrives is a sign of life, and its end is the core's to say", () => {
  const made = rig({ settings: { watch: true } });
  const watches = made.given[3] >> 6;
  assert.equal(watches, 1);
  made.does(says.watch(1));
  const [[, seed, request, signal, streamed]] = toldOf(made, "ask");
  assert.deepEqual([seed, request, streamed], [0, 1, true]);
  made.driver.answered(1);
  assert.deepEqual(made.since(), [told("stream heard", 1)]);
  for (let more = 0; more < 2; more++) {
    made.driver.answered(1, answer([{ url: "ws://a.example/" }]));
    assert.deepEqual(
      made.since().map(([name, from]) => [name, from]),
      [["take", 1]],
    );
  }
  assert.equal(toldOf(made, "emit").length, 2);
  // One that cannot be used is told, and the core ends the stream.
  made.unusable = true;
  made.driver.answered(1, answer([{}]));
  assert.deepEqual(
    made.since().map(([name, ...given]) => [name, given[1]]),
    [
      ["take", 1],
      ["listFailed", 200],
    ],
  );
  made.does(says.cancel(1));
  assert.ok(signal.aborted);
  made.driver.answered(1);
  made.driver.answered(1, answer([{ url: "ws://a.example/" }]));
  made.driver.unanswered(1, new EvenkeelError("stream-ended"));
  assert.deepEqual(made.since(), []);
});

test("a stream that is refused, breaks off or is put to sleep has failed as a request has", (t) => {
  const { fire } = page(t);
  const made = rig();
  made.driver.start();
  made.does(says.watch(1));
  made.since();
  made.commands.push(says.retry(1, 1, 0), says.cancel(1), says.watch(2));
  made.driver.answered(1, { response: new Response("", { status: 503, headers: { "retry-after": "60" } }) });
  assert.deepEqual(made.since(), [["listFailed", 1, 503, 60]]);
  const [{ error }] = events(made, "retry");
  assert.match(error.message, /503 from https:\/\/seed\.example/);
  made.driver.unanswered(2, new EvenkeelError("stream-ended"));
  assert.deepEqual(made.since(), [["listFailed", 2, 0, Number.NaN]]);
  made.does(says.watch(3));
  fire("document", "freeze");
  assert.ok(toldOf(made, "ask").at(-1)[3].aborted);
});

test("no network at the start is told before the start", (t) => {
  const { navigator } = page(t);
  navigator.onLine = false;
  const made = rig();
  made.driver.start();
  assert.deepEqual(made.since(), [told("offline"), told("start")]);
});

test("what ends while the page is put to sleep was not ended by its server", (t) => {
  const { fire } = page(t);
  const made = rig();
  made.driver.start();
  const end = (attempt) => {
    const wire = made.opens(attempt);
    made.since();
    wire.onclose({ code: 1006, reason: "", wasClean: false });
    return made.since();
  };
  const crash = (attempt) => ["closed", attempt, 1006, true];
  assert.deepEqual(end(1), [crash(1)]);
  fire("document", "freeze");
  assert.deepEqual(end(2), [told("wake"), crash(2)]);
  fire("document", "resume");
  assert.deepEqual(end(3), [crash(3)]);
  fire("window", "pagehide", { persisted: true });
  assert.deepEqual(end(4), [told("wake"), crash(4)]);
  // Also one that was chosen once.
  made.driver.ended(5, 1006);
  assert.deepEqual(made.since(), [told("wake"), ["closed", 5, 1006, false]]);
});

test("nothing is left behind at the end: no listener, request, timer, socket or memory", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { fire, listeners } = page(t);
  const made = rig();
  made.timeout = performance.now() + 1_000;
  made.driver.start();
  const [open, opening] = [made.opens(1), made.opens(2)];
  made.does(says.fetch(1));
  const [[, , , signal]] = toldOf(made, "ask");
  assert.notDeepEqual(listeners(), []);
  made.since();
  made.driver.free();
  assert.deepEqual(made.since(), [["free"]]);
  assert.ok(signal.aborted);
  assert.deepEqual([open.closed, opening.closed, open.onclose, opening.onmessage], [[[]], [[]], null, null]);
  assert.deepEqual(listeners(), []);
  fire("window", "online");
  made.commands.push(says.state());
  t.mock.timers.tick(5_000);
  assert.deepEqual([made.since(), made.commands.length], [[], 1]);
});

test("credentials and preparations that come after the end touch nothing", async () => {
  const [asked, prepared] = [deferred(), deferred()];
  const made = rig({ face: { prepare: () => prepared.promise } });
  made.does(says.connect(1));
  made.commands.push(says.prepare(1));
  made.wires[0].onopen();
  made.face.credentials = () => asked.promise;
  made.does(says.connect(2));
  made.driver.free();
  made.since();
  asked.resolve({ url: "ws://late.example", protocols: [] });
  prepared.reject(new Error("late"));
  await settled();
  assert.deepEqual([made.since(), made.wires.length], [[], 1]);
});

test("the timer is set for what the core says, however far off, and not set anew for the same", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { mock } = t.mock.method(globalThis, "setTimeout");
  t.mock.method(performance, "now", () => 1_000);
  const made = rig();
  const delays = () => {
    const { calls } = mock;
    mock.resetCalls();
    return calls.map(({ arguments: [, delay] }) => delay);
  };
  assert.deepEqual(delays(), []);
  for (const [timeout, delay] of [
    [1_000.25, [1]],
    [1_000.25, []],
    [500, [0]],
    [Infinity, []],
    [1e12, [2 ** 31 - 1]],
  ]) {
    made.timeout = timeout;
    made.does();
    assert.deepEqual(delays(), delay, String(timeout));
  }
  made.commands.push(says.state());
  t.mock.timers.tick(2 ** 31);
  assert.deepEqual([made.commands, delays()], [[], [2 ** 31 - 1]], "the rest of it is waited for as well");
});
