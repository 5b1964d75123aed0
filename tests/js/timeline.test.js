/** The row through time: what belongs together, what is shown, and what is not in force any more. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { byDay, bySort, deedsOf, matches, packagesOf, standingOf, takenBack, timeline } from "../../js/model/timeline.js";

/** @param {number} minute */
const at = (minute) => `2026-03-10T12:${String(minute).padStart(2, "0")}:00.000Z`;

/** @param {number} minute @param {Record<string, any>} [more] @returns {any} */
const change = (minute, more = {}) => ({
  id: `c${minute}`, operation: "install a", state: "committed", started: at(minute), ended: at(minute), summary: {},
  deferred: false, tries: 0, reason: "", problem: "", snapshot: `s${minute}`, ...more,
});

/** @param {number} minute @param {Record<string, any>} [more] @returns {any} */
const snapshot = (minute, more = {}) => ({
  id: `s${minute}`, created: at(minute), reason: "by hand", label: "", pinned: false, transaction: "", ...more,
});

const ALL = { changes: false, snapshots: false };
/** @param {ReturnType<typeof timeline>} entries */
const names = (entries) => entries.map((each) => each.id);

test("a snapshot taken before a change stands with it; others stand alone, newest first", () => {
  const entries = timeline([change(5), change(1)], [snapshot(5, { transaction: "c5" }), snapshot(3), snapshot(1)], ALL);
  assert.deepEqual(names(entries), ["c5", "s3", "c1"]);
  assert.equal(entries[0]?.snapshot?.id, "s5");
});

test("where a list goes on, what is older than its end waits, so that nothing is shown in the wrong place", () => {
  const changes = [change(9), change(8)];
  const snapshots = [snapshot(9, { transaction: "c9" }), snapshot(2), snapshot(1)];
  assert.deepEqual(names(timeline(changes, snapshots, { changes: true, snapshots: false })), ["c9", "c8"]);
  assert.deepEqual(names(timeline(changes, snapshots, ALL)), ["c9", "c8", "s2", "s1"]);
});

test("a snapshot whose change is still to be read comes with it, and alone where there is no such change any more", () => {
  const mine = snapshot(5, { transaction: "gone" });
  assert.deepEqual(names(timeline([change(4)], [mine], { changes: true, snapshots: false })), ["c4"]);
  assert.deepEqual(names(timeline([change(4)], [mine], ALL)), ["s5", "c4"]);
});

test("a change whose journal cannot be read has its time from its id", () => {
  const damaged = change(0, { id: "20260310-120700-ab", started: "", ended: "", state: "", problem: "it is torn", snapshot: "" });
  assert.deepEqual(names(timeline([change(8), damaged, change(6)], [], ALL)), ["c8", damaged.id, "c6"]);
  assert.equal(standingOf(damaged), "damaged");
});

test("entries by day", () => {
  const days = byDay(timeline([change(5), change(1), change(0, { id: "old", started: "2026-02-01T12:00:00Z", snapshot: "" })], [], ALL));
  assert.deepEqual(days.map((each) => each.entries.length), [2, 1]);
});

test("how a change stands", () => {
  assert.equal(standingOf(change(1)), "committed");
  assert.equal(standingOf(change(1, { state: "rolled-back" })), "rolled-back");
  assert.equal(standingOf(change(1, { state: "tried", deferred: true })), "waiting");
  assert.equal(standingOf(change(1, { state: "applying" })), "open");
});

/** @param {number} minute @param {string} target */
const back = (minute, target) => change(minute, { operation: `rollback to ${target}`, summary: { target } });

test("what was gone back from is not in force, until that is undone", () => {
  assert.deepEqual([...takenBack([change(3), change(2), change(1)])], []);
  assert.deepEqual([...takenBack([back(4, "s2"), change(3), change(2), change(1)])], ["c2", "c3"]);
  assert.deepEqual([...takenBack([back(5, "s4"), back(4, "s2"), change(3), change(2), change(1)])], ["c4"]);
});

test("going back to a snapshot that was taken by hand, or is older than all that was read", () => {
  const at3 = "20260310-120230-abc";
  assert.deepEqual([...takenBack([back(4, at3), change(3), change(2)])], ["c3"]);
  assert.deepEqual([...takenBack([back(4, "20250101-000000-abc"), change(3), change(2)])], ["c2", "c3"]);
  assert.deepEqual([...takenBack([change(3, { state: "rolled-back" })])], [], "what never was is not taken back");
});

test("operations as verbs and names; what is not known stays as it is", () => {
  assert.deepEqual(deedsOf("install a, b; update c"), [{ verb: "install", names: "a, b" }, { verb: "update", names: "c" }]);
  assert.deepEqual(deedsOf("rollback to 2026-x"), [{ verb: "rollback", names: "2026-x" }]);
  assert.deepEqual(deedsOf("sync"), [{ verb: "sync", names: "" }]);
  assert.deepEqual(deedsOf("something else"), [{ verb: "", names: "something else" }]);
});

test("packages by what became of them; a rollback tells by from and to", () => {
  const moved = packagesOf(change(1, {
    summary: {
      changes: [
        { name: "a", action: "install", from: "", to: "1" },
        { name: "b", action: "upgrade", from: "1", to: "2" },
        { name: "c", action: "exact", from: "", to: "1" },
        { name: "d", action: "exact", from: "2", to: "1" },
        { name: "e", action: "remove", from: "2", to: "" },
        "torn",
      ],
    },
  }));
  const sorts = bySort(moved.filter((each) => each.name !== "")).map(({ sort, items }) => [sort, items.length]);
  assert.deepEqual(sorts, [["new", 2], ["up", 1], ["changed", 1], ["removed", 1]]);
  assert.deepEqual(packagesOf(change(1, { summary: { changes: "torn" } })), []);
});

test("found by a pack, a package, a label, however it is written", () => {
  const [first] = timeline([change(1, { operation: "install My_Pack", summary: { changes: [{ name: "ruamel.yaml" }] } })], [], ALL);
  const [mine] = timeline([], [snapshot(1, { label: "Before the show" })], ALL);
  assert.ok(first && mine);
  assert.ok(matches(first, "my-pack") && matches(first, "ruamel yaml") && matches(first, " "));
  assert.ok(!matches(first, "show") && matches(mine, "the SHOW"));
});
