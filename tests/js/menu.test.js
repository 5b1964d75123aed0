/** The right-click menus: what they hold for each kind of node and past, and that others' words do no harm in them. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { commands, keybindings, menuCommands } from "../../js/commands.js";
import { canvasMenu, folderOf, harmless, nodeMenu, OFFERED, packOf } from "../../js/model/menu.js";
import { canvasItems } from "../../js/menus.js";
import { settings } from "../../js/settings.js";
import { languages, speak } from "../../js/words.js";

const NOW = Date.parse("2026-01-02T00:00:00Z");
/** @param {Record<string, any>} [more] @returns {any} */
const snapshot = (more) => ({ id: "s1", created: "2026-01-01T00:00:00Z", reason: "before install x", label: "", packs: 3, ...more });
/** @param {Record<string, any>} [more] @returns {any} */
const pack = (more) => ({ name: "impact", path: "/c/custom_nodes/impact", version: "1.0", state: "loaded", brought_by: null, ...more });
/** @param {Record<string, any>} [more] @returns {any} */
const node = (more) => ({ type: "N", module: "custom_nodes.impact", missing: false, properties: {}, ...more });
const entries = (/** @type {any} */ entry) => entry.entries.filter(Boolean);
const words = (/** @type {any} */ entry) => entries(entry).map((/** @type {any} */ each) => each.word);

test("the canvas offers the last snapshots, by label or reason, and no more than can be read", () => {
  const snapshots = Array.from({ length: 20 }, (_, at) => snapshot({ id: `s${at}`, label: at === 0 ? "good" : "" }));
  const back = entries(canvasMenu({ snapshots, known: true }, NOW, "en"))[1];
  assert.equal(back.entries.length, OFFERED);
  assert.deepEqual(back.entries[0].values, { when: "yesterday", name: "good", count: 3 });
  assert.equal(back.entries[1].values.name, "before install x");
  assert.deepEqual([back.entries[2].act, back.entries[2].detail], ["past.restore", { snapshot: "s2" }]);
});

test("without snapshots the canvas says so, or that they were not read yet", () => {
  const none = (/** @type {boolean} */ known) => entries(canvasMenu({ snapshots: [], known }, NOW, "en"))[1].entries;
  assert.deepEqual(none(true), [{ word: "menu.no-snapshots" }]);
  assert.deepEqual(none(false), [{ word: "menu.not-read" }]);
});

test("a node of ours to roll back offers that, and any other says why not", () => {
  const last = (/** @type {any} */ packs, known = true) => entries(nodeMenu(node(), { packs, known })).at(-1);
  const brought = { transaction: "t1", operation: "", at: "", snapshot: "s1" };
  assert.deepEqual(last([pack({ brought_by: brought })]), { word: "menu.undo-pack", act: "past.undoChange", detail: { transaction: "t1" } });
  assert.deepEqual(last([pack({ brought_by: { ...brought, snapshot: "" } })]), { word: "menu.snapshot-gone" });
  assert.deepEqual(last([pack()]), { word: "menu.not-ours" });
  assert.deepEqual(last([]), { word: "menu.pack-unknown" });
  assert.deepEqual(last([], false), { word: "menu.not-read" });
});

test("ComfyUI's own nodes have no entry of ours", () => {
  for (const module of ["nodes", "comfy_extras.nodes_x", "comfy_api_nodes.y", ""]) {
    assert.equal(nodeMenu(node({ module }), { packs: [], known: true }), null);
  }
});

test("a missing node offers its pack, and says what the workflow names", () => {
  const entry = nodeMenu(node({ missing: true, module: "", properties: { cnr_id: "by-id" } }), { packs: [], known: true });
  assert.deepEqual(words(entry), ["menu.install-missing", "menu.said-to-be", "menu.install-all-missing"]);
  const unnamed = nodeMenu(node({ missing: true, module: "" }), { packs: [], known: true });
  assert.deepEqual(words(unnamed), ["menu.install-missing", "menu.install-all-missing"]);
});

test("a pack is found by its folder, a single file by its name, with dots in it", () => {
  assert.equal(folderOf("custom_nodes.safe-install.v1"), "safe-install.v1");
  assert.equal(packOf([pack()], "impact")?.name, "impact");
  assert.equal(packOf([pack({ name: "one.py", path: "C:\\x\\custom_nodes\\one.py" })], "one")?.name, "one.py");
});

test("other people's words are no markup in a menu, and no line is endless", () => {
  assert.equal(harmless(`<img src=x onerror="x">`), `‹img src=x onerror="x"›`);
  speak("en");
  const known = { ready: true, snapshots: [snapshot({ label: `<b>${"long ".repeat(40)}` })], packs: [], fault: null };
  /** @type {any} */
  const ports = { store: { value: { standing: { known } } } };
  const all = JSON.stringify(canvasItems(ports));
  assert.ok(!all.includes("<b>"));
  const [, top] = /** @type {any[]} */ (canvasItems(ports));
  assert.equal(top.has_submenu, true);
  const line = top.submenu.options[2].submenu.options[0].content;
  assert.ok(line.length < 90, line);
});

test("the locales name the commands and settings there are, in the panel's own words", () => {
  /** @type {any} */
  const ports = { act: () => {}, host: {} };
  for (const language of languages) {
    speak(language);
    const read = (/** @type {string} */ name) => JSON.parse(readFileSync(new URL(`../../locales/${language}/${name}.json`, import.meta.url), "utf8"));
    const made = commands(ports).map(({ id, label }) => [String(id).replaceAll(".", "_"), { label, menubarLabel: label, tooltip: label }]);
    assert.deepEqual(read("commands"), Object.fromEntries(made));
    const set = settings(() => {}).map(({ id, name, tooltip }) => [String(id).replaceAll(".", "_"), { name, tooltip }]);
    assert.deepEqual(read("settings"), Object.fromEntries(set));
  }
  speak("en");
  const known = new Set(commands(ports).map(({ id }) => id));
  for (const id of [...menuCommands.flatMap((each) => each.commands), ...keybindings.map(({ commandId }) => commandId)]) assert.ok(known.has(id), id);
});

test("no setting decides about security", () => {
  for (const { id, type } of settings(() => {})) {
    assert.equal(type, "boolean");
    assert.ok(["SafeInstall.ConfirmRestart", "SafeInstall.LookForMissing", "SafeInstall.Badge", "SafeInstall.Toasts"].includes(String(id)));
  }
});
