// Where the package can be imported, beside a page without any restrictions.

import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { BROWSERS, launch } from "../support/browser.mjs";
import { startFleets } from "../support/fleet.mjs";
import { install, run } from "../support/package.mjs";

let installed;
let fleets;
let fleet;
before(async () => {
  installed = await install();
  const site = fileURLToPath(new URL("site", import.meta.url));
  fleets = await startFleets({ "/": site, "/node_modules": join(installed.folder, "node_modules") });
  fleet = await fleets.make({ servers: [{ count: 2 }] });
});
after(async () => {
  await fleets?.stop();
  await installed?.remove();
});

test("importing it has no effect, in Node as on a server that renders pages", async () => {
  const script = `
    const before = Object.getOwnPropertyNames(globalThis).sort().join();
    await import("evenkeel");
    await import("evenkeel/slim");
    await import("evenkeel/store");
    const after = Object.getOwnPropertyNames(globalThis).sort().join();
    console.log(before === after);`;
  // Ends by itself: nothing was started that keeps Node running.
  const output = await run(process.execPath, ["--input-type=module", "--eval", script], installed.folder);
  assert.equal(output.trim(), "true");
});

for (const [form, wasm] of [
  ["bytes", "bytes"],
  ["a compiled module", "await WebAssembly.compile(bytes)"],
  ["a response", 'new Response(bytes, { headers: { "content-type": "application/wasm" } })'],
  ["a response of another type", 'new Response(bytes, { headers: { "content-type": "application/octet-stream" } })'],
  ["a URL", '"data:application/wasm;base64," + bytes.toString("base64")'],
]) {
  test(`the slim entry takes the wasm as ${form}`, async () => {
    // In a process of its own: all users of an entry share one instance of the wasm.
    const script = `
      import { readFile } from "node:fs/promises";
      import { createSelector } from "evenkeel/slim";
      const bytes = await readFile(new URL(import.meta.resolve("evenkeel/evenkeel.wasm")));
      const selector = await createSelector({ wasm: ${wasm} });
      console.log(selector.update([{ url: "wss://a.example/" }, { url: "wss://b.example/" }]).servers);`;
    const output = await run(process.execPath, ["--input-type=module", "--eval", script], installed.folder);
    assert.equal(output.trim(), "2");
  });
}

test("a wasm that is not there is told, with the status", async () => {
  const script = `
    import { createSelector } from "evenkeel/slim";
    const wasm = new Response("no such file", { status: 404 });
    await createSelector({ wasm }).catch(({ code, message }) => console.log(code, message));`;
  const output = await run(process.execPath, ["--input-type=module", "--eval", script], installed.folder);
  assert.match(output, /^wasm-unavailable .*404/);
});

for (const browser of BROWSERS) {
  describe(browser, () => {
    let page;
    before(async () => {
      page = await launch(browser);
    });
    after(() => page?.quit());

    const echo = (path) => async () => {
      const url = new URL(path, fleets.origin);
      url.searchParams.set("list", fleet.list);
      await page.open(url.href);
      const result = await page.run(async () => {
        const deadline = Date.now() + 10_000;
        while (!window.result && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 10));
        return window.result;
      });
      assert.equal(result, "echo of hello");
      assert.deepEqual(await page.problems(), []);
    };

    test("it works under a strict content security policy", echo("policy.html"));
    test("it works in a dedicated worker", echo("worker.html"));
    test("it works in a shared worker", echo("worker.html#shared"));
  });
}
