// A plan, sorted for people.
import assert from "node:assert/strict";
import { test } from "node:test";

import {
  allowances, answeredBy, asksOf, byCode, canBeApplied, chosenFor, conflicts, consents, groups, headline, hintsOf, plainFindings,
  troubled, untouched, wishes,
} from "../../js/model/plan.js";
import { isOpen, waitsFor } from "../../js/model/stages.js";

/** @typedef {import("../../js/wire.js").Decision} Decision */
/** @typedef {import("../../js/wire.js").ChangePlan} ChangePlan */
/** @typedef {import("../../js/wire.js").Plan} Plan */
/** @typedef {import("../../js/wire.js").Finding} Finding */

/** @param {Partial<ChangePlan>} [more] @returns {ChangePlan} */
const change = (more) => ({
  ok: true, fingerprint: "f", policy: "newest", prefer: {}, lock: {}, changes: [], pack_changes: [], decisions: [],
  findings: [], refusals: [], packs: [], lines: [], library_lines_broken: [], restart: "none", download_bytes: 0, ...more,
});

/** @param {Partial<Plan>} [more] @returns {Plan} */
const plan = (more) => ({
  id: "p", kind: "tasks", made: "", operation: "", fingerprint: "f", empty: false, needs_consent: [], refused: false,
  restart: "none", restart_reasons: [], download_bytes: 0, change: change(), rollback: null, repair: null, ...more,
});

/** @param {Partial<Decision>} [more] @returns {Decision} */
const decision = (more) => ({
  package: "rich", rule: "newest-wins", chosen: "15", wanted: [], violates: [], reason: "", alternatives: [], follows: {}, ...more,
});

/** @param {string} code @param {...string} hints @returns {Finding} */
const finding = (code, ...hints) => ({
  code, pack: "P", file: "", line: 0, message: code, hints: hints.map((hint) => ({ code: hint, text: hint })),
});

/** @param {string} name @param {string} action */
const moved = (name, action) => ({ name, action, from: "1", to: "2", wanted_by: [] });
const OLD = { pack: "Old", requirement: "rich<14" };
const NEW = { pack: "New", requirement: "rich>=14" };

test("the headline leaves out what is not there", () => {
  assert.deepEqual(headline(change()), []);
  const packs = [
    { name: "A", action: "remove", from: "", to: "", sha256: "" },
    { name: "B", action: "add", from: "", to: "", sha256: "" },
  ];
  assert.deepEqual(headline(change({ pack_changes: packs, changes: [moved("x", "install")], download_bytes: 5 })), [
    { what: "add", count: 1 }, { what: "remove", count: 1 }, { what: "packages", count: 1 }, { what: "download", count: 5 },
  ]);
});

test("packages are grouped by what happens to them, the unknown too", () => {
  const changes = [moved("a", "remove"), moved("b", "install"), moved("c", "shrink"), moved("d", "upgrade")];
  const found = groups(change({ changes })).map(({ group, changes: some }) => [group, some.map(({ name }) => name).join()]);
  assert.deepEqual(found, [["new", "b"], ["up", "d"], ["removed", "a"], ["replaced", "c"]]);
});

test("what stays is what the lock holds and nothing changes", () => {
  assert.equal(untouched(change({ lock: { a: "1", b: "1" }, changes: [moved("b", "upgrade"), moved("c", "remove")] })), 1);
});

test("conflicts are what costs somebody something, or could be otherwise", () => {
  const costly = decision({ violates: [OLD] });
  const open = decision({ package: "a", alternatives: ["Old"] });
  const free = decision({ package: "b" });
  assert.deepEqual(conflicts(change({ decisions: [free, open, costly] })), { contested: [costly, open], settled: [free] });
});

test("each wish is there once, the broken first", () => {
  assert.deepEqual(wishes(decision({ wanted: [NEW, OLD, NEW], violates: [OLD] })), [
    { ...OLD, met: false }, { ...NEW, met: true },
  ]);
});

test("a choice can be taken back where it was made", () => {
  assert.deepEqual(chosenFor(decision({ rule: "your-choice", follows: { other: "Old" } })), ["other"]);
  assert.deepEqual(chosenFor(decision({ rule: "your-choice" })), ["rich"]);
  assert.deepEqual(chosenFor(decision()), []);
});

test("each decision against a line needs its own yes, and only then it can be done", () => {
  const against = decision({ violates: [OLD] });
  const shown = plan({ needs_consent: ["1 decision"], change: change({ decisions: [decision({ package: "a" }), against] }) });
  const [asked, ...more] = consents(shown);
  assert.equal(more.length, 0);
  assert.equal(asked?.decision, against);
  assert.equal(canBeApplied(shown, []), false);
  assert.equal(canBeApplied(shown, [asked?.key ?? ""]), true);
  assert.equal(canBeApplied({ ...shown, refused: true }, [asked?.key ?? ""]), false);
  assert.equal(canBeApplied(plan({ empty: true }), []), false);
  assert.equal(canBeApplied(plan(), []), true);
});

test("a yes stays for the same decision and falls for another", () => {
  const key = (/** @type {Decision} */ each) => consents(plan({ needs_consent: ["x"], change: change({ decisions: [each] }) }))[0]?.key;
  assert.equal(key(decision({ violates: [OLD] })), key(decision({ violates: [OLD], reason: "other words" })));
  assert.notEqual(key(decision({ violates: [OLD] })), key(decision({ violates: [NEW] })));
  assert.notEqual(key(decision({ violates: [OLD] })), key(decision({ violates: [OLD], chosen: "16" })));
});

test("reasons that are no decision are asked for as they are", () => {
  assert.deepEqual(consents(plan({ needs_consent: ["files are replaced"], change: null })), [
    { key: "files are replaced", decision: null, reason: "files are replaced" },
  ]);
});

test("what may be allowed is asked for by hints, and stays to be seen once allowed", () => {
  const builds = finding("line-needs-build", "allow-builds");
  const flagged = finding("registry-flagged", "use-another-version", "allow-flagged");
  const first = allowances(change({ findings: [builds], refusals: [flagged] }), [], []);
  assert.deepEqual(first, [
    { kind: "flagged", needed: true, by: [flagged] }, { kind: "builds", needed: false, by: [builds] },
  ]);
  assert.deepEqual(allowances(change({ findings: [builds] }), ["flagged"], first), first);
  assert.deepEqual(allowances(change({ findings: [builds] }), [], first), [first[1]]);
});

test("findings are shown where they belong, with hints that can be followed here", () => {
  const plain = finding("left-alone", "no-action", "look");
  const asked = finding("line-needs-build", "allow-builds");
  assert.equal(answeredBy(asked), "builds");
  assert.deepEqual(plainFindings([plain, asked]), [plain]);
  assert.deepEqual(hintsOf(plain).map(({ code }) => code), ["look"]);
  assert.deepEqual(hintsOf(asked), []);
  assert.deepEqual(byCode([plain, asked, plain]), [
    { code: "left-alone", findings: [plain, plain] }, { code: "line-needs-build", findings: [asked] },
  ]);
});

test("a job waits for its turn, for another process, or for nobody", () => {
  const wait = { name: "wait", text: "..." };
  assert.equal(waitsFor({ state: "queued", stage: null }), "turn");
  assert.equal(waitsFor({ state: "running", stage: wait }), "process");
  assert.equal(waitsFor({ state: "running", stage: null }), "");
  assert.equal(isOpen({ state: "cancelling" }), true);
  assert.equal(isOpen({ state: "interrupted" }), false);
});

test("packs in trouble are told with what it is about, but not what was so before", () => {
  const failed = finding("line-not-found");
  const packs = [
    { name: "P", status: "partial", reason: "already-unsatisfied, line-not-found" },
    { name: "Q", status: "partial", reason: "already-unsatisfied" },
    { name: "R", status: "ok", reason: "" },
  ];
  const shown = change({ packs, findings: [failed, finding("already-unsatisfied"), { ...failed, pack: "Q" }] });
  assert.deepEqual(troubled(shown), [{ name: "P", status: "partial", findings: [failed] }]);
});

test("a refusal without a plan asks for what would answer it, once", () => {
  const { code, message, hints } = finding("registry-flagged", "allow-flagged");
  const asked = asksOf({ code, message, hints, context: {} }, []);
  assert.deepEqual(asked.map(({ kind, needed }) => [kind, needed]), [["flagged", true]]);
  assert.deepEqual(asksOf({ code, message, hints, context: {} }, asked), asked);
  assert.deepEqual(asksOf({ code, message, hints: [], context: {} }, asked), asked);
  assert.deepEqual(asksOf(null, []), []);
});
