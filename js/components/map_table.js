/** The conflict map as a table, one row a wish below its package: for screen readers, and for whoever would rather read. */

import { define, PanelElement } from "../element.js";
import { h } from "../dom.js";
import { fileAndLine } from "../model/wishes.js";
import { named, t } from "../words.js";
import { outcomeTag } from "./wish.js";

/** @typedef {import("../model/conflict_map.js").Layout} Layout */

/** `plain`: words alone, for a table that is only read out. @extends {PanelElement<{layout: Layout, plain: boolean}>} */
export class MapTable extends PanelElement {
  /** @override What is only read out does not hold up the picture. */
  draw() {
    if (!this.data?.plain) return super.draw();
    requestAnimationFrame(() => setTimeout(() => super.draw()));
  }

  /** @override @param {{layout: Layout, plain: boolean}} data */
  render({ layout: { rows, columns, cells }, plain }) {
    const byColumn = columns.map((column, at) => ({ ...column, cells: cells.filter((cell) => cell.column === at) }));
    const head = [t("map.pack"), t("map.wants"), t("map.outcome")];
    return h(
      "div",
      { class: plain ? "si-unseen" : "si-table-box" },
      h(
        "table",
        { class: "si-table" },
        h("caption", null, t("map.table")),
        h("thead", null, h("tr", null, head.map((word) => h("th", { scope: "col" }, word)))),
        byColumn.map(({ package: { name, installed }, cells: its }) =>
          h(
            "tbody",
            { key: name },
            h(
              "tr",
              null,
              h("th", { scope: "rowgroup", colspan: head.length }, name, " ", h("span", { class: "si-muted" }, installed || t("why.not-installed")), !plain && this.#why(name)),
            ),
            its.map((cell) => cell.wishes.map((wish) => this.#wish(rows[cell.row]?.pack ?? "", wish, plain))),
          ),
        ),
      ),
    );
  }

  /** @param {string} pack @param {import("../wire.js").WishStanding} wish @param {boolean} plain */
  #wish(pack, wish, plain) {
    return h(
      "tr",
      null,
      h("td", null, pack),
      h("td", null, h("code", { class: "si-mono" }, wish.requirement), !plain && h("div", { class: "si-muted si-small" }, fileAndLine(wish))),
      h("td", null, plain ? named("packs.outcome.", wish.outcome) : outcomeTag(wish.outcome)),
    );
  }

  /** @param {string} name */
  #why(name) {
    return h("button", { class: "si-button si-slim", type: "button", onclick: () => this.act("packs.why", { package: name }) }, t("packs.why", { package: name }));
  }
}

/** Make the element known to the page. */
export function register() {
  define("safe-install-map-table", MapTable);
}
