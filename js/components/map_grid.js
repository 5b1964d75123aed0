/** The picture of the conflict map: an SVG grid whose labels stay while it scrolls inside its own box. */

import { define, PanelElement } from "../element.js";
import { h, svg } from "../dom.js";
import { shorten, step } from "../model/conflict_map.js";
import { placeOf } from "../model/wishes.js";
import { named, t } from "../words.js";
import { sign } from "./sign.js";
import { TONE } from "./wish.js";

/** @typedef {import("../model/conflict_map.js").Layout} Layout */
/** @typedef {import("../model/conflict_map.js").Cell} Cell */
/** @typedef {import("../model/conflict_map.js").Place} Place */

/** The side of a cell; WCAG 2.2 asks for 24 of what is pointed at. */
const SIDE = 28;
/** How many letters of a label are shown, across and up, and how wide one of them is at most times. */
const NARROW = { across: 15, up: 16 };
const WIDE = { across: 40, up: 30 };
const LETTER = 6.9;

/** What a cell says, in one sentence. @param {Layout} layout @param {Cell} cell */
export function cellWords({ rows, columns }, cell) {
  const { name = "", installed = "" } = columns[cell.column]?.package ?? {};
  const requirements = [...new Set(cell.wishes.map(({ requirement }) => requirement))].join(", ");
  return t(installed ? "map.cell" : "map.cell-none", {
    pack: rows[cell.row]?.pack ?? "",
    package: name,
    requirements: cell.wishes.length > 1 ? t("map.lines", { requirements, count: cell.wishes.length }) : requirements,
    outcome: named("packs.outcome.", cell.outcome),
    installed,
  });
}

/** @extends {PanelElement<{layout: Layout, wide: boolean}>} */
export class MapGrid extends PanelElement {
  /** Which cell the Tab key leads to: by names, so that it stays when the map changes. */
  #at = { pack: "", package: "" };
  #told = "";
  #labels = { across: 0, up: 0 };

  /** @override @param {AbortSignal} signal */
  attached(signal) {
    this.addEventListener("focusin", (event) => this.#tell(this.#cellOf(event)), { signal });
  }

  /** @override A cell that gets the focus must not hide behind the labels. */
  drawn() {
    const box = /** @type {HTMLElement | null} */ (this.querySelector(".si-map"));
    if (box) box.style.scrollPadding = `${this.#labels.up}px 6px 6px ${this.#labels.across}px`;
  }

  /** @override @param {{layout: Layout, wide: boolean}} data */
  render({ layout, wide }) {
    const { rows, columns, cells } = layout;
    const letters = wide ? WIDE : NARROW;
    const across = roomFor(rows.map(({ pack }) => pack), letters.across);
    const up = roomFor(columns.map((column) => column.package.name), letters.up);
    this.#labels = { across, up };
    const [width, height] = [columns.length * SIDE, rows.length * SIDE];
    const at = this.#place();
    const bands = (/** @type {number} */ long) =>
      rows.map((_, row) => row % 2 === 0 && svg("rect", { class: "si-band", x: 0, y: row * SIDE, width: long, height: SIDE }));
    return [
      h(
        "div",
        { class: wide ? "si-map wide" : "si-map" },
        h("div", { class: "si-map-corner" }),
        svg(
          "svg",
          { class: "si-map-columns", width: width + 6, height: up, "aria-hidden": "true" },
          columns.map(({ package: { name } }, column) =>
            svg("text", { transform: `translate(${column * SIDE + SIDE / 2 + 4},${up - 6}) rotate(-90)` }, svg("title", null, name), shorten(name, letters.up)),
          ),
        ),
        svg(
          "svg",
          { class: "si-map-rows", width: across, height, "aria-hidden": "true" },
          bands(across),
          rows.map(({ pack }, row) =>
            svg("text", { x: across - 6, y: row * SIDE + SIDE / 2 + 4, "text-anchor": "end" }, svg("title", null, pack), shorten(pack, letters.across)),
          ),
        ),
        svg(
          "svg",
          {
            class: "si-map-cells",
            width: width + 6, // room for the ring around a last cell that has the focus
            height,
            role: "grid",
            "aria-label": t("map.picture"),
            "aria-readonly": "true",
            "aria-rowcount": rows.length,
            "aria-colcount": columns.length,
            onclick: (/** @type {Event} */ event) => this.#ask(this.#cellOf(event)),
            onkeydown: (/** @type {KeyboardEvent} */ event) => this.#key(event),
            onpointerover: (/** @type {Event} */ event) => this.#tell(this.#cellOf(event)),
          },
          bands(width),
          columns.map((_, column) => svg("path", { class: "si-line", d: `M${column * SIDE + SIDE / 2},0V${height}` })),
          rows.map((row, number) =>
            svg(
              "g",
              { key: row.pack, role: "row", "aria-rowindex": number + 1, "aria-label": row.pack },
              row.cells.map((cell) => this.#cell(layout, cell, at)),
            ),
          ),
        ),
      ),
      cells.length > 0 && h("p", { class: "si-map-told si-small", "aria-hidden": "true" }, this.#told || t("map.how")),
    ];
  }

  /** @param {Layout} layout @param {Cell} cell @param {Place} at */
  #cell(layout, cell, at) {
    const { row, column, outcome, wishes } = cell;
    const chosen = row === at.row && column === at.column;
    return svg(
      "g",
      {
        key: `${column}`,
        class: `si-sign ${TONE[outcome]}`,
        role: "gridcell",
        tabindex: chosen ? "0" : "-1",
        "aria-colindex": column + 1,
        "aria-label": cellWords(layout, cell),
        "data-cell": `${row} ${column}`,
        transform: `translate(${column * SIDE + SIDE / 2},${row * SIDE + SIDE / 2})`,
      },
      svg("rect", { class: "si-sign-touch", x: -SIDE / 2, y: -SIDE / 2, width: SIDE, height: SIDE }),
      sign(outcome),
      wishes.length > 1 && svg("path", { class: "si-sign-more", d: "M7,-10h6M10,-13v6" }),
    );
  }

  /** Where the cell is that the Tab key leads to; the first where it is gone. @returns {Place} */
  #place() {
    const { rows, columns, cells } = this.data.layout;
    const row = rows.findIndex(({ pack }) => pack === this.#at.pack);
    const column = columns.findIndex((each) => each.package.name === this.#at.package);
    return cells.find((cell) => cell.row === row && cell.column === column) ?? cells[0] ?? { row: 0, column: 0 };
  }

  /** @param {Event} event @returns {Cell | undefined} */
  #cellOf(event) {
    const place = /** @type {Element} */ (event.target).closest("[data-cell]")?.getAttribute("data-cell")?.split(" ");
    return place && this.data.layout.cells.find(({ row, column }) => row === Number(place[0]) && column === Number(place[1]));
  }

  /** @param {Cell | undefined} cell */
  #ask(cell) {
    const wish = cell?.wishes[0];
    const column = cell && this.data.layout.columns[cell.column];
    if (!wish || !column) return;
    this.#goTo(cell);
    this.act("packs.why", { package: column.package.name, mark: placeOf(wish) });
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const cell = this.#cellOf(event);
    if (!cell) return;
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      return this.#ask(cell);
    }
    const next = step(this.data.layout, cell, event.ctrlKey ? `Ctrl+${event.key}` : event.key);
    if (next.row === cell.row && next.column === cell.column) return;
    event.preventDefault();
    this.#goTo(next);
  }

  /** Without drawing anew: only which cell the Tab key leads to is different. @param {Place} place */
  #goTo({ row, column }) {
    const { rows, columns } = this.data.layout;
    this.querySelector("[data-cell][tabindex='0']")?.setAttribute("tabindex", "-1");
    this.#at = { pack: rows[row]?.pack ?? "", package: columns[column]?.package.name ?? "" };
    const cell = /** @type {SVGElement | null} */ (this.querySelector(`[data-cell="${row} ${column}"]`));
    cell?.setAttribute("tabindex", "0");
    cell?.focus();
  }

  /** @param {Cell | undefined} cell */
  #tell(cell) {
    const place = this.querySelector(".si-map-told");
    if (!cell || !place) return;
    this.#told = cellWords(this.data.layout, cell);
    place.textContent = this.#told;
  }
}

/** Pixels for the longest of these labels. @param {readonly string[]} labels @param {number} most letters */
function roomFor(labels, most) {
  return Math.ceil(Math.min(Math.max(0, ...labels.map(({ length }) => length)), most) * LETTER) + 14;
}

/** Make the element known to the page. */
export function register() {
  define("safe-install-map-grid", MapGrid);
}
