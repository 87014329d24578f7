// The servers of seed/reporters/ against real seeds. What one language's does, all do.

import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { startQuickSeed } from "../support/seed.mjs";
import { languages } from "./languages.mjs";
import { connect, quietPort, silentSeed, startServer, TWO_TRIES, until } from "./programs.mjs";

/** An id that has to be encoded in a URL. */
const ID = "echo/1 ü?";

/** Seconds that a report is good for: to be lost soon, and not to report again while a test looks. */
const SHORT = 2;
const LONG = 60;

/** Within how many ms something is told at once: far from the third of `LONG` that lies between two reports. */
const AT_ONCE = 3_000;

/** Waits until a seed lists the server so. */
const listed = (seed, what, is, within) => until(() => seed.server(ID), is, what, within);

describe("servers report", { concurrency: true }, () => {
  for (const [language, prepare] of Object.entries(languages)) {
    describe(`in ${language}`, { concurrency: 1 }, () => {
      let command;
      let skip;
      before(async () => {
        ({ command, skip } = await prepare());
        if (skip) console.error(`${language} is not tested: ${skip}`);
      });

      /** Runs a test with whatever it starts, which ends with it. */
      const reports = (name, play) =>
        test(name, async (t) => {
          if (skip) return t.skip(skip);
          const started = [];
          const keep = (it) => {
            started.push(it);
            return it;
          };
          try {
            await play({
              seed: async (options) => keep(await startQuickSeed(options)),
              silent: async () => keep(await silentSeed()),
              server: async (settings) => keep(await startServer(command, { id: ID, ...settings })),
            });
          } finally {
            await Promise.all(started.reverse().map((it) => (it.kill ? it.kill() : it.stop())));
          }
        });

      reports("as soon as it serves, and then how many are connected", async (start) => {
        const seed = await start.seed({ ttl: SHORT });
        const server = await start.server({ seeds: [seed.list] });
        const count = (users) => listed(seed, `${users} users`, (it) => it?.users === users);
        const entry = await count(0);
        assert.equal(entry.url, server.url);
        assert.equal(entry.capacity, 50);
        assert.ok(entry.available && !entry.draining);
        const clients = await Promise.all([1, 2, 3].map(() => connect(server.url)));
        await count(3);
        assert.equal(await clients[0].echo("text ü"), "text ü");
        assert.deepEqual(await clients[1].echo(Buffer.from([0, 255])), Buffer.from([0, 255]));
        await clients[2].close();
        await count(2);
        assert.deepEqual(server.complaints, []);
      });

      reports("until it is killed: then it is unavailable once its ttl is over", async (start) => {
        const seed = await start.seed({ ttl: SHORT });
        const server = await start.server({ seeds: [seed.list] });
        await connect(server.url);
        await listed(seed, "it is listed", (it) => it?.users === 1);
        await server.kill();
        const killed = Date.now();
        assert.equal((await seed.server(ID)).available, true);
        const lost = await listed(seed, "it is lost", (it) => !it.available);
        assert.equal(lost.users, 1);
        assert.ok(Date.now() - killed < (SHORT + 2) * 1_000);
      });

      reports("to a seed that comes later, ends and comes back, and complains once each time", async (start) => {
        const port = await quietPort();
        const list = `http://127.0.0.1:${port}/servers`;
        const server = await start.server({ seeds: [list] });
        await sleep(TWO_TRIES);
        assert.equal(await (await connect(server.url)).echo("served"), "served");
        assert.equal(server.complaints.length, 1, server.complaints.join("\n"));
        assert.match(server.complaints[0], /refused/i);
        assert.ok(server.complaints[0].includes(list), server.complaints[0]);
        const seed = await start.seed({ ttl: SHORT, port });
        await listed(seed, "it is listed", (it) => it?.available);
        await seed.stop();
        await until(
          () => server.complaints.length,
          (count) => count > 1,
          "a second complaint",
        );
        await sleep(TWO_TRIES);
        // What was under way when it ended may have failed in another way.
        const since = server.complaints.slice(1);
        assert.equal(new Set(since).size, since.length, since.join("\n"));
        const again = await start.seed({ ttl: SHORT, port });
        await listed(again, "it is listed again", (it) => it?.users === 1);
      });

      reports("to every seed at its own pace, though others are dead or silent", async (start) => {
        const silent = await start.silent();
        const dead = `http://127.0.0.1:${await quietPort()}/servers`;
        const seeds = [await start.seed({ ttl: SHORT }), await start.seed({ ttl: SHORT })];
        const server = await start.server({ seeds: [silent.list, dead, ...seeds.map(({ list }) => list)] });
        const all = () => Promise.all(seeds.map((seed) => seed.server(ID)));
        await until(all, (both) => both.every((it) => it?.available), "both list it");
        const end = Date.now() + 3 * SHORT * 1_000;
        while (Date.now() < end) {
          assert.deepEqual(
            (await all()).map(({ available }) => available),
            [true, true],
          );
          await sleep(100);
        }
        assert.ok(silent.asked() > 1, "the silent one is asked again");
        assert.equal(server.complaints.length, 2, server.complaints.join("\n"));
        // Nor do they hold it up when it ends.
        server.tell("SIGTERM");
        await until(all, (both) => both.every((it) => !it.available), "both are told that it left", AT_ONCE);
        assert.deepEqual(await server.ended(), { code: 0, signal: null });
      });

      reports("that it drains when it is told to end, and leaves after its last client", async (start) => {
        const seed = await start.seed({ ttl: LONG });
        const server = await start.server({ seeds: [seed.list] });
        const client = await connect(server.url);
        await listed(seed, "it is listed", (it) => it?.available);
        server.tell("SIGTERM");
        const draining = await listed(seed, "it drains", (it) => it.draining, AT_ONCE);
        assert.ok(draining.available);
        assert.equal(draining.users, 1);
        const late = await connect(server.url);
        await client.close();
        await sleep(500);
        assert.equal(await late.echo("served"), "served");
        assert.equal((await seed.server(ID)).available, true);
        await late.close();
        assert.deepEqual(await server.ended(), { code: 0, signal: null });
        await listed(seed, "it has left", (it) => !it?.available, AT_ONCE);
        assert.deepEqual(server.complaints, []);
      });

      reports("that it leaves when its time is up, and sends away who is still there", async (start) => {
        const seed = await start.seed({ ttl: LONG });
        const server = await start.server({ seeds: [seed.list], DRAIN_SECONDS: "1" });
        const client = await connect(server.url);
        await listed(seed, "it is listed", (it) => it?.available);
        server.tell("SIGINT");
        const told = Date.now();
        assert.equal(await client.closed(), 1001);
        assert.ok(Date.now() - told >= 900);
        assert.deepEqual(await server.ended(), { code: 0, signal: null });
        await listed(seed, "it has left", (it) => !it?.available, AT_ONCE);
      });

      for (const signal of ["SIGTERM", "SIGINT"])
        reports(`nothing more when it is told twice to end, the second time by ${signal}`, async (start) => {
          const seed = await start.seed({ ttl: LONG });
          const server = await start.server({ seeds: [seed.list] });
          await connect(server.url);
          server.tell("SIGTERM");
          await listed(seed, "it drains", (it) => it?.draining, AT_ONCE);
          server.tell(signal);
          const told = Date.now();
          assert.notEqual((await server.ended()).code, 0);
          assert.ok(Date.now() - told < AT_ONCE);
        });

      reports("in vain with a wrong token: it complains once with the seed's message, and serves", async (start) => {
        const seed = await start.seed();
        const server = await start.server({ seeds: [seed.list], TOKEN: "fedcba9876543210" });
        await sleep(TWO_TRIES);
        assert.equal(server.complaints.length, 1, server.complaints.join("\n"));
        assert.match(server.complaints[0], /401.*the token is not known/);
        assert.ok(!server.complaints[0].includes("fedcba9876543210"));
        assert.equal(await (await connect(server.url)).echo("served"), "served");
        assert.equal(await seed.server(ID), undefined);
      });
    });
  }
});
