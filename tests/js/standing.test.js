/** What is said over all tabs, what is counted on the badge: each state of the server, and nothing where all is well. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { newMissing } from "../../js/actions/missing.js";
import { newStanding } from "../../js/actions/standing.js";
import { attention, badge, lacking } from "../../js/model/attention.js";
import { hidingKey, notices, SLOW } from "../../js/model/standing.js";

const FINE = {
  busy: false, jobs: [], restart: "none", unfinished: [], waiting: [], starts: { starts: [], healings: [], notice: null },
  drift: null, owner: null, permits: {}, trouble: [],
};

/** @param {Record<string, any>} [status] @param {Record<string, any>} [more] @returns {any} */
const given = (status = {}, { standing = {}, ...more } = {}) => ({
  connection: "online",
  status: { phase: "ready", value: { ...FINE, ...status }, fault: null },
  standing: { ...newStanding(), clientId: "me", ...standing },
  jobs: {},
  packs: { value: null },
  missing: newMissing(),
  ...more,
});
const ids = (/** @type {any} */ state, now = 0) => notices(state, now).map(({ id }) => id);

test("nothing is said and nothing counted where all is well", () => {
  assert.deepEqual(ids(given()), []);
  assert.equal(badge(attention(given(), 0)), null);
});

/** @type {[string, Record<string, any>, string, number][]} */
const STATES = [
  ["an interrupted change", { unfinished: ["t1"] }, "unfinished", 1],
  ["another process", { owner: { pid: 7, operation: "install x", since: "2026-01-01T00:00:00Z" } }, "elsewhere", 0],
  ["a job of another window", { busy: true, jobs: [{ id: "j", kind: "install", state: "running" }] }, "other-window", 0],
  ["what waits", { waiting: [{ id: "w", operation: "install x", since: "", tries: 0, why: "asked", said: "" }] }, "waiting", 1],
  ["a restart that is due", { restart: "restart" }, "restart-due", 1],
  ["what is not allowed", { permits: { install: "It is strong." } }, "permits", 0],
  ["what could not be read", { trouble: [{ code: "c", message: "m", context: {}, hints: [] }] }, "trouble", 1],
];
for (const [name, status, id, counted] of STATES) {
  test(`${name} is said${counted ? ", and counts" : ""}`, () => {
    const state = given(status);
    assert.deepEqual(ids(state), [id]);
    assert.equal(attention(state, 0), counted);
  });
}

test("what runs at this moment is no interrupted change", () => {
  assert.ok(!ids(given({ unfinished: ["t1"], busy: true })).includes("unfinished"));
});

test("this page's own job is not another window's", () => {
  const jobs = { j: { id: "j", client_id: "me" } };
  assert.deepEqual(ids(given({ busy: true, jobs: [{ id: "j", kind: "install", state: "running" }] }, { jobs })), []);
});

test("while the server is away, only that is said", () => {
  const status = { unfinished: ["t1"], restart: "restart" };
  assert.deepEqual(ids(given(status, { connection: "offline" })), ["offline"]);
  assert.deepEqual(ids(given(status, { connection: "restarting", standing: { since: 0 } }), 1000), ["restarting"]);
  assert.deepEqual(ids(given(status, { connection: "restarting", standing: { since: 0 } }), SLOW + 1), ["slow-restart"]);
});

test("a page older than the server is to be loaded again, but not before a restart that is due", () => {
  assert.deepEqual(ids(given({}, { standing: { pageOld: "restarted" } })), ["page-old"]);
  assert.deepEqual(ids(given({}, { standing: { pageOld: "changed" } })), ["reload-due"]);
  assert.deepEqual(ids(given({ restart: "restart" }, { standing: { pageOld: "changed" } })), ["restart-due"]);
});

test("a refused restart says why, and can be insisted on only where something runs", () => {
  const fault = (/** @type {string} */ code) => ({ code, message: "No.", context: {}, hints: [] });
  const acts = (/** @type {string} */ code) =>
    notices(given({ restart: "restart" }, { standing: { restart: { phase: "none", fault: fault(code) } } }), 0)[0]?.offers.map(({ word }) => word);
  assert.deepEqual(acts("restart-while-busy"), ["force", "not-now"]);
  assert.deepEqual(acts("not-permitted"), ["not-now"]);
});

test("where a restart is not allowed its button says why", () => {
  const [due] = notices(given({ restart: "restart", permits: { restart: "Level strong." } }), 0);
  assert.equal(due?.offers[0]?.denied, "Level strong.");
});

test("new drift is said once, without what is minor, and can be put away until there is other drift", () => {
  const drift = (/** @type {string} */ name) => ({
    phase: "ready", fault: null,
    value: {
      since: "2026-01-01T00:00:00Z", reason: "", snapshot: "", left: "", new: true, hints: [],
      items: [{ code: "changed", name, to: "2", message: `${name} changed`, minor: false }, { code: "x", name: "y", message: "z", minor: true }],
    },
  });
  const [said] = notices(given({}, { standing: { drift: drift("numpy") } }), 0);
  assert.deepEqual([said?.id, said?.values.count, said?.lines], ["drift", 1, ["numpy changed"]]);
  assert.deepEqual(said?.offers.find(({ word }) => word === "history")?.detail, { view: "history" });
  const hidden = [hidingKey(/** @type {any} */ (said))];
  assert.equal(said?.offers.find(({ word }) => word === "hide")?.detail?.key, hidden[0], "the button puts this very notice away");
  assert.deepEqual(ids(given({}, { standing: { drift: drift("numpy"), hidden } })), []);
  assert.deepEqual(ids(given({}, { standing: { drift: drift("pillow"), hidden } })), ["drift"]);
});

test("a change that was taken back by itself is told with what is known of it", () => {
  const notice = { code: "taken-back-after-crashes", message: "It ended twice after x (t9).", hints: [{ code: "h", text: "Do it." }] };
  const healings = [{ transaction: "t9", at: "2026-01-01T00:00:00Z", message: "" }];
  const [said] = notices(given({ starts: { starts: [], healings, notice } }), 0);
  assert.deepEqual([said?.id, said?.values.at, said?.hints], ["healed", "2026-01-01T00:00:00Z", ["Do it."]]);
});

test("failed packs and what the workflow lacks are counted", () => {
  const packs = { value: { packs: [{ state: "failed" }, { state: "loaded" }] } };
  const found = {
    packs: [{ types: ["A"] }, { types: ["B"] }], choices: [{ types: ["C"], options: [] }],
    types: [{ name: "A", missing: true }, { name: "D", missing: true }, { name: "E", missing: true }, { name: "F", missing: false }],
  };
  /** @type {any} */
  const missing = { ...newMissing(), found };
  assert.equal(lacking(missing), 4, "two packs, a choice, and what nobody brings as one");
  assert.equal(attention(given({}, { packs, missing }), 0), 5);
  assert.equal(attention(given({}, { packs, missing: { ...missing, dismissed: true } }), 0), 1);
});

test("the badge stays short", () => {
  assert.deepEqual([0, 1, 99, 100].map(badge), [null, "1", "99", "99+"]);
});
