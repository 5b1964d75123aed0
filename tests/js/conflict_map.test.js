/** The conflict map's layout: who stands where, and where keys lead. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { countContested, isContested, layOut, shorten, step } from "../../js/model/conflict_map.js";

/** @typedef {import("../../js/wire.js").WantedPackage} WantedPackage */
/** @typedef {import("../../js/model/wishes.js").Outcome} Outcome */

/** @param {string} pack @param {string} requirement @param {Outcome} [outcome] @param {number} [line] */
const wish = (pack, requirement, outcome = "met", line = 1) => ({ pack, requirement, file: "requirements.txt", line, outcome, rule: "", reason: "" });
/** @param {string} name @param {...ReturnType<typeof wish>} wishes @returns {WantedPackage} */
const wanted = (name, ...wishes) => ({ name, installed: "1.0", provided_by: "", wishes });

const PEACE = wanted("peace", wish("b", "peace"), wish("a", "Peace"));
const NUMPY = wanted("numpy", wish("ComfyUI", "numpy>=1.25"), wish("old", "numpy<2", "overruled"), wish("new", "numpy>=2"));
const RICH = wanted("rich", wish("old", "rich==13", "broken"), wish("old", "rich", "met", 2));
const TOOL = wanted("tool", wish("Zed", "tool"), wish("new", "tool>=1"));
const ALL = [PEACE, NUMPY, RICH, TOOL];

/** @param {import("../../js/model/conflict_map.js").Layout} layout */
const names = ({ rows, columns }) => ({ rows: rows.map(({ pack }) => pack), columns: columns.map((column) => column.package.name) });

test("contested is what two ask for differently, or what is not met", () => {
  assert.deepEqual(ALL.map(isContested), [false, true, true, true]);
  assert.deepEqual(countContested(ALL), { conflicts: 2, contested: 3 });
});

test("two spellings of the same line are no disagreement", () => {
  assert.equal(isContested(wanted("x", wish("a", "X_y >=1, <2  # why"), wish("b", "x-y<2,>=1"))), false);
  assert.equal(isContested(wanted("x", wish("a", "x[a]>=1"), wish("b", "x>=1"))), true);
  assert.equal(isContested(wanted("cv", wish("a", "opencv-python"), wish("b", "opencv-contrib-python"))), true);
  assert.equal(isContested(wanted("x", wish("a", "x<2"), wish("a", "x<3"))), false, "one pack cannot disagree with itself");
});

test("ComfyUI comes first, then the packs and packages with most trouble", () => {
  assert.deepEqual(names(layOut(ALL, { which: "contested", order: "trouble" })), {
    rows: ["ComfyUI", "old", "new", "Zed"],
    columns: ["rich", "numpy", "tool"],
  });
  assert.deepEqual(names(layOut(ALL, { which: "contested", order: "name" })), {
    rows: ["ComfyUI", "new", "old", "Zed"],
    columns: ["numpy", "rich", "tool"],
  });
});

test("only conflicts leaves out what is met, and packs that have nothing to do with it", () => {
  const layout = layOut(ALL, { which: "conflicts", order: "trouble" });
  assert.deepEqual(names(layout), { rows: ["ComfyUI", "old", "new"], columns: ["rich", "numpy"] });
  assert.deepEqual(layout.counts, { met: 2, overruled: 1, broken: 1 });
});

test("a cell has all lines of a pack for a package, and the worst outcome", () => {
  const cell = layOut(ALL, { which: "conflicts", order: "trouble" }).cells.find((each) => each.wishes.length > 1);
  assert.equal(cell?.outcome, "broken");
  assert.deepEqual(cell?.wishes.map(({ requirement }) => requirement), ["rich==13", "rich"]);
});

test("the same wishes give the same map, in whatever order they come", () => {
  const turned = ALL.map((each) => ({ ...each, wishes: [...each.wishes].reverse() })).reverse();
  for (const order of /** @type {const} */ (["trouble", "name"])) {
    assert.deepEqual(layOut(turned, { which: "contested", order }).cells, layOut(ALL, { which: "contested", order }).cells);
  }
});

test("every cell can be reached by keys from the first, and every key stays on a cell", () => {
  const packages = Array.from({ length: 12 }, (_, at) =>
    wanted(`p${at}`, ...Array.from({ length: 9 }, (_, pack) => pack).filter((pack) => (pack * 7 + at * 5) % 4 === 0).map((pack) => wish(`pack${pack}`, `p${at}>=${pack}`, "broken"))),
  );
  const layout = layOut(packages, { which: "contested", order: "trouble" });
  const at = (/** @type {{row: number, column: number}} */ { row, column }) => `${row} ${column}`;
  const there = new Set(layout.cells.map(at));
  const reached = new Set();
  const open = [layout.cells[0] ?? { row: 0, column: 0 }];
  for (let cell = open.pop(); cell; cell = open.pop()) {
    assert.ok(there.has(at(cell)), at(cell));
    if (reached.has(at(cell))) continue;
    reached.add(at(cell));
    for (const key of ["ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight", "PageDown", "PageUp", "Home", "End", "Ctrl+Home", "Ctrl+End"]) {
      open.push(/** @type {any} */ (step(layout, cell, key)));
    }
  }
  assert.equal(reached.size, there.size);
});

test("down stays in the column as long as it has cells there", () => {
  const layout = layOut(ALL, { which: "contested", order: "trouble" });
  const numpy = layout.columns.findIndex((column) => column.package.name === "numpy");
  assert.deepEqual(step(layout, { row: 0, column: numpy }, "ArrowDown"), { row: 1, column: numpy });
  assert.deepEqual(step(layout, { row: 0, column: numpy }, "ArrowLeft"), { row: 0, column: numpy });
  assert.deepEqual(step(layout, { row: 0, column: numpy }, "x"), { row: 0, column: numpy });
});

test("a name that is too long keeps its beginning and its end", () => {
  assert.equal(shorten("comfyui-old-timer", 17), "comfyui-old-timer");
  assert.equal(shorten("comfyui-old-timer", 11), "comfy…timer");
  assert.equal(shorten("abcdefgh", 4), "ab…h");
});

test("150 packs and 60 packages are laid out in no time", () => {
  const packages = Array.from({ length: 60 }, (_, at) =>
    wanted(`p${at}`, ...Array.from({ length: 20 }, (_, nth) => wish(`pack${(at * 13 + nth * 7) % 150}`, `p${at}>=${nth}`, nth % 5 ? "met" : "broken"))),
  );
  const before = performance.now();
  const layout = layOut(packages, { which: "contested", order: "trouble" });
  assert.ok(layout.rows.length > 100);
  assert.ok(performance.now() - before < 100);
});

test("nothing contested is an empty map", () => {
  assert.deepEqual(layOut([PEACE], { which: "contested", order: "trouble" }), {
    rows: [],
    columns: [],
    cells: [],
    counts: { met: 0, overruled: 0, broken: 0 },
  });
});
