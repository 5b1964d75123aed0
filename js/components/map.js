/** The conflict map: who wants what of the packages that packs disagree on. */

import { define, PanelElement } from "../element.js";
import { h } from "../dom.js";
import { countContested, layOut } from "../model/conflict_map.js";
import { t } from "../words.js";
import { register as registerGrid } from "./map_grid.js";
import { register as registerTable } from "./map_table.js";
import { sheet, showSheet } from "./sheet.js";
import { legend } from "./sign.js";

/** @typedef {import("../state.js").State} State */
/** @typedef {import("../model/conflict_map.js").Layout} Layout */
/** @typedef {import("../model/conflict_map.js").Which} Which */
/** @typedef {import("../actions/packs.js").MapLook} MapLook */

/** @extends {PanelElement<State>} */
export class ConflictMap extends PanelElement {
  /** @type {Pick<State, "wishes"> & {look: MapLook} | undefined} */
  #shown;
  /** @type {readonly unknown[]} */
  #madeOf = [];
  /** What each inner element is drawn from: the same again is not drawn again. */
  #made = this.#from({ rows: [], columns: [], cells: [], counts: { met: 0, overruled: 0, broken: 0 } });

  /** @override */
  attached() {
    this.act("packs.loadWishes");
  }

  /** @override What others do, such as a job's progress, is no reason to draw. */
  update() {
    const { wishes, seen } = this.data;
    if (this.#shown?.wishes === wishes && this.#shown.look === seen.map) return;
    this.#shown = { wishes, look: seen.map };
    super.update();
  }

  /** @override @param {State} state */
  render({ wishes, seen: { map: look } }) {
    const packages = wishes.value?.packages;
    return h(
      "div",
      { class: "si-stack" },
      wishes.fault && h("safe-install-fault", { data: { fault: wishes.fault, again: "packs.loadWishes" } }),
      packages === undefined
        ? wishes.phase !== "failed" && h("p", { class: "si-muted", role: "status" }, t("common.loading"))
        : this.#map(packages, look),
    );
  }

  /** @override */
  drawn() {
    showSheet(this);
  }

  /** @param {readonly import("../wire.js").WantedPackage[]} packages @param {MapLook} look */
  #map(packages, look) {
    const counts = countContested(packages);
    if (counts.contested === 0) {
      return h("p", { class: "si-note good" }, h("span", null, h("span", { class: "pi pi-check-circle", "aria-hidden": "true" }), " ", t("map.peace")));
    }
    const which = look.which || (counts.conflicts > 0 ? "conflicts" : "contested");
    const { grid, large, table, plain, layout } = this.#laidOut(packages, which, look.order);
    const empty = layout.cells.length === 0;
    return [
      h("p", { class: "si-small si-muted" }, t("map.says", { conflicts: counts.conflicts, contested: counts.contested })),
      h(
        "div",
        { class: "si-row" },
        this.#choice(t("map.show"), which, { conflicts: t("map.conflicts", { count: counts.conflicts }), contested: t("map.contested", { count: counts.contested }) }, "which"),
        this.#choice(t("map.order"), look.order, { trouble: t("map.by-trouble"), name: t("map.by-name") }, "order"),
      ),
      empty && h("p", { class: "si-note good" }, t("map.all-met")),
      !empty && [
        h(
          "div",
          { class: "si-row" },
          h("button", { class: "si-button", type: "button", "aria-pressed": String(look.table), onclick: () => this.act("map.look", { table: !look.table }) }, h("span", { class: "pi pi-list", "aria-hidden": "true" }), t("map.as-table")),
          !look.table &&
            h("button", { class: "si-button", type: "button", onclick: () => this.act("map.look", { enlarged: true }) }, h("span", { class: "pi pi-window-maximize", "aria-hidden": "true" }), t("map.enlarge")),
        ),
        legend(layout.counts),
        !look.table && h("safe-install-map-grid", { key: "picture", data: grid }),
        h("safe-install-map-table", { key: "table", data: look.table ? table : plain }),
      ],
      look.enlarged &&
        sheet(
          { id: "si-map-large", title: t("map.title"), class: "large", close: () => this.act("map.look", { enlarged: false }) },
          legend(layout.counts),
          h("safe-install-map-grid", { data: large }),
        ),
    ];
  }

  /** @param {string} label @param {string} value @param {Record<string, string>} options @param {keyof MapLook} name */
  #choice(label, value, options, name) {
    return h(
      "label",
      { class: "si-grow" },
      h("span", { class: "si-small" }, label),
      h(
        "select",
        { class: "si-select", value, onchange: (/** @type {Event} */ event) => this.act("map.look", { [name]: /** @type {HTMLSelectElement} */ (event.target).value }) },
        Object.entries(options).map(([each, words]) => h("option", { value: each }, words)),
      ),
    );
  }

  /** @param {readonly import("../wire.js").WantedPackage[]} packages @param {Which} which @param {MapLook["order"]} order */
  #laidOut(packages, which, order) {
    const madeOf = [packages, which, order];
    if (madeOf.some((each, at) => each !== this.#madeOf[at])) {
      this.#madeOf = madeOf;
      this.#made = this.#from(layOut(packages, { which, order }));
    }
    return this.#made;
  }

  /** @param {Layout} layout */
  #from(layout) {
    return {
      layout,
      grid: { layout, wide: false },
      large: { layout, wide: true },
      table: { layout, plain: false },
      plain: { layout, plain: true },
    };
  }
}

/** Make the element known to the page, with those inside it. */
export function register() {
  registerGrid();
  registerTable();
  define("safe-install-map", ConflictMap);
}
