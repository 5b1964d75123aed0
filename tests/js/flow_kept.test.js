/** What was collected or planned is there again after a reload; what was agreed to is not, and nothing else is taken for it. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { newFlow } from "../../js/actions/flow.js";
import { keepFlow, keptFlow } from "../../js/actions/flow_kept.js";
import { Store } from "../../js/store.js";

/** A tab's memory. @returns {any} */
function memory() {
  const held = new Map();
  return {
    remember: (/** @type {string} */ key, /** @type {string} */ text) => held.set(key, text),
    remembered: (/** @type {string} */ key) => held.get(key) ?? "",
    held,
  };
}
const TASK = { kind: "install", params: { source: "one" } };
const BASKET = [{ key: "one", name: "One", detail: "1.0", task: TASK }];

test("what is chosen is kept, what is allowed or agreed to is not", async () => {
  const host = memory();
  /** @type {any} */
  const store = new Store({ flow: newFlow() });
  keepFlow(/** @type {any} */ ({ store, host }));
  const order = { title: "One", tasks: [TASK], basket: true };
  const more = { step: "plan", basket: BASKET, order, prefer: { numpy: "One" }, allow: ["builds"], agreed: ["numpy"] };
  store.set({ flow: { ...newFlow(), ...more } });
  await Promise.resolve();
  assert.deepEqual(keptFlow(host), {
    step: "plan", text: "", basket: BASKET, order, prefer: { numpy: "One" }, policy: "newest", job: "",
  });
});

test("where nothing was kept there is nothing", () => {
  assert.equal(keptFlow(memory()), null);
});

for (const [name, text] of [
  ["no JSON", "{"],
  ["nothing", "null"],
  ["another shape", "[]"],
  ["a basket of another kind", JSON.stringify({ ...newFlow(), basket: [{ name: "One" }] })],
  ["an order without tasks", JSON.stringify({ ...newFlow(), order: { title: "One" } })],
]) {
  test(`${name} is not taken for it`, () => {
    const host = memory();
    host.remember("SafeInstall.Flow", text);
    assert.equal(keptFlow(host), null);
  });
}
