/** Packs and their wishes, as the panel lists them; and what its acts do. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { newSeen, packActs } from "../../js/actions/packs.js";
import { chosen, countSorts, deedsOf, rowsOf, taskOf } from "../../js/model/pack_list.js";
import { fileAndLine, linesByPack, placeOf, wishesOf } from "../../js/model/wishes.js";
import { nothing } from "../../js/state.js";
import { Store } from "../../js/store.js";

/** @typedef {import("../../js/wire.js").InstalledPack} InstalledPack */
/** @typedef {import("../../js/model/wishes.js").Outcome} Outcome */

/** @param {string} pack @param {string} requirement @param {Outcome} [outcome] @param {number} [line] */
const wish = (pack, requirement, outcome = "met", line = 1) => ({ pack, requirement, file: "requirements.txt", line, outcome, rule: "", reason: "" });
const PACKAGES = [
  { name: "numpy", installed: "2.0", provided_by: "", wishes: [wish("ComfyUI", "numpy"), wish("old", "numpy<2", "overruled", 3)] },
  { name: "rich", installed: "", provided_by: "", wishes: [wish("old", "rich", "broken", 1), wish("old", "rich>1", "met", 2)] },
];

/** @param {string} name @param {Partial<InstalledPack>} [more] @returns {InstalledPack} */
const pack = (name, more = {}) => ({
  name,
  path: `/packs/${name}`,
  is_file: false,
  disabled: false,
  version: "1.0",
  remote: "",
  commit: "",
  dirty: null,
  loaded: true,
  state: "loaded",
  failure: null,
  brought_by: null,
  node_types: [],
  ...more,
});

test("a pack's lines: those not met first, each with who else wants the package", () => {
  const lines = linesByPack(PACKAGES).get("old") ?? [];
  assert.deepEqual(lines.map((line) => line.wish.requirement), ["rich", "numpy<2", "rich>1"]);
  assert.deepEqual(lines[1]?.others.map((other) => other.pack), ["ComfyUI"]);
  assert.deepEqual(lines[0]?.others, [], "its own other line is nobody else's");
});

test("packs are counted and chosen by state and by words", () => {
  const packs = [pack("old"), pack("new", { state: "failed", loaded: false }), pack("off", { state: "disabled", disabled: true, node_types: ["Blur"] })];
  const rows = rowsOf(packs, linesByPack(PACKAGES));
  assert.deepEqual(countSorts(rows), { failed: 1, unsatisfied: 1, "not-loaded": 0, loaded: 1, disabled: 1 });
  /** @param {Parameters<typeof chosen>[1]} sort @param {string} typed */
  const names = (sort, typed) => chosen(rows, sort, typed).map((row) => row.pack.name);
  assert.deepEqual(names("unsatisfied", ""), ["old"]);
  assert.deepEqual(names("", "NUM"), ["old"]);
  assert.deepEqual(names("", "blur off"), ["off"]);
  assert.deepEqual(names("failed", "old"), []);
});

test("a disabled pack asks for nothing, even where an enabled one has its name", () => {
  const rows = rowsOf([pack("old", { disabled: true, state: "disabled" })], linesByPack(PACKAGES));
  assert.deepEqual(rows.map(({ lines, unmet }) => [lines.length, unmet]), [[0, 0]]);
});

test("what can be done, and the task as Manager writes it", () => {
  assert.deepEqual(deedsOf(pack("a")), ["update", "fix", "disable", "uninstall"]);
  assert.deepEqual(deedsOf(pack("a", { disabled: true })), ["enable", "uninstall"]);
  assert.deepEqual(taskOf("enable", pack("a")), { kind: "enable", params: { cnr_id: "a" } });
  assert.deepEqual(taskOf("fix", pack("a")), { kind: "fix", params: { node_name: "a", node_ver: "1.0" } });
  assert.deepEqual(taskOf("uninstall", pack("a")), { kind: "uninstall", params: { node_name: "a" } });
});

test("the wishes of a why have their outcomes; a library's is told apart", () => {
  const { file, line } = wish("old", "numpy<2", "met", 3);
  const why = {
    package: "numpy",
    installed: "2.0",
    provided_by: "",
    wishes: [
      { pack: "ComfyUI", requirement: "numpy", file, line: 1, met: true },
      { pack: "old", requirement: "numpy<2", file, line, met: false },
      { pack: "scipy==1.0", requirement: "numpy<2.5", file: "", line: 0, met: true },
    ],
    rules: [],
    decisions: [],
  };
  const { packs, libraries } = wishesOf(why, PACKAGES);
  assert.deepEqual(packs.map((each) => [each.pack, each.outcome]), [["old", "overruled"], ["ComfyUI", "met"]]);
  assert.deepEqual(libraries.map((each) => [each.pack, each.outcome]), [["scipy==1.0", "met"]]);
});

test("places tell lines apart, and are written as editors do", () => {
  assert.notEqual(placeOf(wish("a", "x", "met", 1)), placeOf(wish("a", "x", "met", 2)));
  assert.deepEqual([wish("a", "x"), { file: "", line: 0 }, { file: "pyproject.toml", line: 0 }].map(fileAndLine), ["requirements.txt:1", "", "pyproject.toml"]);
});

/** @param {Record<string, () => Promise<unknown>>} api */
function stage(api) {
  const store = new Store({ packs: nothing(), wishes: nothing(), seen: newSeen(), view: "install" });
  /** @type {[string, unknown][]} */
  const asked = [];
  /** @type {((job: {kind: string}) => void)[]} */
  const ends = [];
  const ports = /** @type {any} */ ({
    api,
    store,
    host: { clientId: () => "me" },
    jobs: { onEnd: (/** @type {any} */ listener) => ends.push(listener) },
    act: async (/** @type {string} */ name, /** @type {unknown} */ detail) => void asked.push([name, detail]),
  });
  return { store, asked, ends, acts: packActs(ports) };
}

test("an answer that was overtaken is dropped", async () => {
  /** @type {((value: unknown) => void)[]} */
  const answers = [];
  const { store, acts } = stage({ packs: () => new Promise((resolve) => answers.push(resolve)), wishes: async () => ({ packages: [] }) });
  const both = [acts["packs.load"]?.({}), acts["packs.load"]?.({})];
  answers[1]?.({ packs: ["new"] });
  answers[0]?.({ packs: ["old"] });
  await Promise.all(both);
  assert.deepEqual(store.value.packs, { phase: "ready", value: { packs: ["new"] }, fault: null });
});

test("what failed to come says so, and what was known stays", async () => {
  let fails = false;
  const { store, acts } = stage({
    packs: async () => {
      if (fails) throw new Error("no");
      return { packs: [] };
    },
    wishes: async () => ({ packages: [] }),
  });
  await acts["packs.load"]?.({});
  fails = true;
  await acts["packs.load"]?.({});
  assert.equal(store.value.packs.phase, "failed");
  assert.deepEqual(store.value.packs.value, { packs: [] });
});

test("what was read is read again when work ended, but for plans", async () => {
  let reads = 0;
  const read = async () => {
    reads += 1;
    return { packs: [], packages: [] };
  };
  const { ends, acts } = stage({ packs: read, wishes: read });
  ends[0]?.({ kind: "install" });
  assert.equal(reads, 0, "nothing was read yet");
  await acts["packs.load"]?.({});
  ends[0]?.({ kind: "plan" });
  assert.equal(reads, 2);
  ends[0]?.({ kind: "install" });
  await Promise.resolve();
  assert.equal(reads, 4);
});

test("a why is for the name as indexes write it, and is closed for good", async () => {
  /** @type {(value: unknown) => void} */
  let answer = () => {};
  const { store, acts } = stage({ why: () => new Promise((resolve) => (answer = resolve)), wishes: async () => ({ packages: [] }) });
  const asked = acts["packs.why"]?.({ package: " Open_CV.python " });
  assert.equal(store.value.seen.why?.package, "open-cv-python");
  acts["packs.closeWhy"]?.({});
  answer({});
  await asked;
  assert.equal(store.value.seen.why, null);
});

test("what is asked of a pack goes to the flow as one task", async () => {
  const { asked, acts } = stage({});
  await acts["packs.do"]?.({ kind: "disable", pack: pack("a"), title: "Disable: a" });
  const [name, detail] = /** @type {[string, any]} */ (asked[0]);
  assert.equal(name, "flow.tasks");
  assert.equal(detail.title, "Disable: a");
  assert.deepEqual(detail.tasks.map((/** @type {any} */ { ui_id: _, ...task }) => task), [{ kind: "disable", params: { node_name: "a" }, client_id: "me" }]);
});
