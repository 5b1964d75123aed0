/** What going back takes, and how far a job is. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { byHow, consentsOf, isThereAlready } from "../../js/model/going_back.js";
import { isFree, shareOf, stepsOf } from "../../js/model/stages.js";

/** @param {string} kind @param {string} name @param {string} how @returns {any} */
const item = (kind, name, how) => ({ kind, name, how, from: "1", to: "2", reason: "" });
const ITEMS = [item("distribution", "b", "exact"), item("pack", "p", "remove"), item("pack", "a", "exact"), item("file", "f", "not-restorable")];

/** @param {any[]} items @param {string[]} asked @param {Record<string, unknown>} [more] @returns {any} */
const plan = (items, asked, more = {}) => ({ needs_consent: asked, empty: false, rollback: { items }, ...more });

test("the worst first, packs before packages before files, with counts", () => {
  const groups = byHow(ITEMS);
  assert.deepEqual(groups.map(({ how }) => how), ["not-restorable", "exact", "remove"]);
  assert.deepEqual(groups[1]?.items.map(({ name }) => name), ["a", "b"]);
  assert.deepEqual(groups[1]?.counts, [{ kind: "pack", count: 1 }, { kind: "distribution", count: 1 }]);
});

test("what needs a yes, in our words where we know them, else in the server's", () => {
  assert.deepEqual(consentsOf(plan(ITEMS, ["1 of ...", "these packs ..."])).map(({ code, names }) => [code, names]), [["lost", ""], ["packs", "p"]]);
  assert.deepEqual(consentsOf(plan(ITEMS, ["something new"])), [{ code: "", count: 0, names: "", words: "something new" }]);
  assert.deepEqual(consentsOf(plan([], [])), []);
});

test("there already is not the same as nothing can be restored", () => {
  assert.equal(isThereAlready(plan([], [], { empty: true })), true);
  assert.equal(isThereAlready(plan([item("pack", "p", "not-restorable")], [], { empty: true })), false);
});

/** @param {Record<string, any>} more @returns {any} */
const job = (more) => ({ id: "j", kind: "install", state: "running", stage: null, progress: null, ...more });

test("the steps of a change, and none for what has only one", () => {
  const steps = stepsOf(job({ stage: { name: "trial", text: "" } }));
  assert.deepEqual(steps.map(({ at }) => at), ["done", "done", "now", "ahead", "ahead", "ahead"]);
  assert.deepEqual(stepsOf(job({ kind: "plan" })), []);
  assert.equal(stepsOf(job({}))[0]?.at, "now");
});

test("a repair hashes before it begins: that is no end", () => {
  const verifying = { kind: "repair", created: "now", stage: { name: "verify", text: "" } };
  assert.equal(stepsOf(job({ ...verifying, transaction_id: null }))[0]?.at, "now");
  assert.equal(stepsOf(job({ ...verifying, transaction_id: "t" })).at(-1)?.at, "now");
});

test("how much is done, with what is under way; nobody knows without a total", () => {
  assert.equal(shareOf(job({ progress: { done: 3, total: 0, unit: "conflicts", under_way: 0 } })), null);
  assert.equal(shareOf(job({ progress: { done: 25, total: 100, unit: "bytes", under_way: 25 } })), 0.5);
  assert.equal(shareOf(job({ progress: { done: 50, total: 100, unit: "bytes", under_way: 500 } })), 0.99);
  assert.equal(shareOf(job({})), null);
});

test("cancelling is free until the server says otherwise; a summary does not tell", () => {
  assert.equal(isFree(job({ cancellable: true })), true);
  assert.equal(isFree(job({ cancellable: false })), false);
  assert.equal(isFree(job({ cancellable: true, state: "cancelling" })), false);
  assert.equal(isFree(job({})), false);
});
