// What the selector does before the core is asked; its decisions are tested with the real one in `tests/package`.
import assert from "node:assert/strict";
import { test } from "node:test";
import { makeSelector } from "../../dist/selector.js";

test("the core gets a list as plain data: no code of the application's runs while it reads", async () => {
  const taken = [];
  class Core {
    static words = () => ";;;";
    take(_now, _request, document) {
      taken.push(document);
      return false;
    }
  }
  const selector = await makeSelector(async () => ({ Core }));
  const list = { servers: [{ url: "ws://a.example" }] };
  selector.update(list);
  assert.deepEqual(taken, [list]);
  assert.notEqual(taken[0].servers, list.servers, "what becomes of it later is nothing to us");
  const hostile = {
    get servers() {
      throw new Error("mine");
    },
  };
  assert.throws(() => selector.update(hostile), { code: "list-invalid", message: /mine/ });
  assert.equal(taken.length, 1);
});
