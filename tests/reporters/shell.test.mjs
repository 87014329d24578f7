// seed/reporters/shell/: a server that knows nothing of seeds, with the script beside it.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { WebSocketServer } from "ws";
import { startQuickSeed, TOKEN } from "../support/seed.mjs";
import { folder } from "./languages.mjs";
import { connect, quietPort, Reporter, silentSeed, TWO_TRIES, until } from "./programs.mjs";

const ID = "legacy-1";
/** Seconds that a report is good for: to be lost soon, and not to report again while a test looks. */
const SHORT = 2;
const LONG = 60;

const lacking = ["curl", "ss"].filter((program) => spawnSync(program, ["-V"]).error);
const skip = lacking.length > 0 && `there is no ${lacking.join(" and no ")} on this machine: install curl and iproute2`;
if (skip) console.error(`the script is not tested: ${skip}`);

describe("the script beside a server reports", { skip }, () => {
  const reports = (name, play) =>
    test(name, async (t) => {
      const port = await quietPort();
      const server = new WebSocketServer({ port });
      t.after(() => server.close());
      const url = `ws://127.0.0.1:${port}`;
      const start = async ({ token = TOKEN, ...options }) => {
        const seed = options.silent ? await silentSeed() : await startQuickSeed(options);
        t.after(() => seed.stop());
        const settings = { SEED: seed.list, TOKEN: token, ID, URL: url, PORT: String(port) };
        const script = new Reporter(["sh", join(folder, "shell/report.sh")], settings);
        t.after(() => script.kill());
        return { seed, script };
      };
      await play({ start, url, server });
    });

  const listed = (seed, what, is) => until(() => seed.server(ID), is, what);

  reports("how many are connected, and that it leaves", async ({ start, url }) => {
    const { seed, script } = await start({ ttl: SHORT });
    assert.equal((await listed(seed, "nobody", (it) => it?.users === 0)).capacity, 50);
    const clients = await Promise.all([1, 2, 3].map(() => connect(url)));
    await listed(seed, "three", (it) => it.users === 3);
    await clients[0].close();
    await listed(seed, "two", (it) => it.users === 2);
    await Promise.all(clients.map((client) => client.close()));
    script.tell("SIGTERM");
    assert.deepEqual(await script.ended(), { code: 0, signal: null });
    assert.deepEqual(script.complaints, []);
  });

  reports("at once that it leaves", async ({ start }) => {
    const { seed, script } = await start({ ttl: LONG });
    await listed(seed, "it is listed", (it) => it?.available);
    script.tell("SIGTERM");
    assert.deepEqual(await script.ended(), { code: 0, signal: null });
    await listed(seed, "it has left", (it) => !it?.available);
  });

  reports("nothing when the server is dead", async ({ start, server }) => {
    const { seed, script } = await start({ ttl: SHORT });
    await listed(seed, "it is listed", (it) => it?.available);
    await new Promise((resolve) => server.close(resolve));
    await listed(seed, "it is lost", (it) => !it.available);
    assert.match(script.complaints.join("\n"), /^[^\n]*nothing listens on port \d+$/);
  });

  reports("in vain with a wrong token, of which it complains once", async ({ start }) => {
    const { script } = await start({ token: "fedcba9876543210" });
    await sleep(TWO_TRIES);
    assert.match(script.complaints.join("\n"), /^[^\n]*the token is not known[^\n]*$/);
  });

  reports("in vain to a silent seed, of which it complains once", async ({ start }) => {
    const { seed, script } = await start({ silent: true });
    await until(seed.asked, (times) => times > 2, "it tries again");
    assert.match(script.complaints.join("\n"), /^[^\n]*timed out[^\n]*$/);
  });

  reports("without showing the token to everybody on the machine", async ({ start }) => {
    const { seed } = await start({ ttl: 1 });
    await listed(seed, "it is listed", (it) => it?.available);
    let looks = 0;
    let asking = 0;
    for (const end = Date.now() + 3_000; Date.now() < end; looks += 1) {
      const lines = commandLines();
      assert.deepEqual(
        lines.filter((line) => line.includes(TOKEN)),
        [],
      );
      asking += lines.filter((line) => line.includes("curl") && line.includes(ID)).length;
      await sleep(1);
    }
    assert.ok(asking > 0, `curl was not seen in ${looks} looks`);
  });
});

/** Those of all processes. */
function commandLines() {
  const ids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return ids.map((id) => {
    try {
      return readFileSync(`/proc/${id}/cmdline`, "utf8");
    } catch {
      return ""; // It has ended meanwhile.
    }
  });
}
