/** The store: state as a whole, told once per turn. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Store } from "../../js/store.js";

test("listeners hear once of all changes of a turn", async () => {
  const store = new Store({ a: 1, b: 1 });
  /** @type {unknown[]} */
  const heard = [];
  store.subscribe((value) => heard.push(value));
  store.set({ a: 2 });
  store.set(({ a }) => ({ b: a + 1 }));
  assert.deepEqual(store.value, { a: 2, b: 3 });
  assert.deepEqual(heard, []);
  await Promise.resolve();
  assert.deepEqual(heard, [{ a: 2, b: 3 }]);
});

test("who has left hears no more, and a change made while telling is told too", async () => {
  const store = new Store({ n: 0 });
  const left = new AbortController();
  /** @type {string[]} */
  const heard = [];
  store.subscribe(({ n }) => heard.push(`gone ${n}`), left.signal);
  store.subscribe(({ n }) => {
    heard.push(`here ${n}`);
    if (n === 1) store.set({ n: 2 });
  });
  left.abort();
  store.set({ n: 1 });
  await new Promise((resolve) => setTimeout(resolve));
  assert.deepEqual(heard, ["here 1", "here 2"]);
});
