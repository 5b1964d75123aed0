/** Every installed pack, filtered; and the way to ask why a package is as it is. */

import { define, PanelElement } from "../element.js";
import { h } from "../dom.js";
import { chosen, countSorts, rowsOf, SORTS } from "../model/pack_list.js";
import { linesByPack } from "../model/wishes.js";
import { named, t } from "../words.js";
import { register as registerPack } from "./pack.js";

/** @typedef {import("../state.js").State} State */
/** @typedef {import("../model/pack_list.js").Row} Row */
/** @typedef {import("../model/pack_list.js").Sort} Sort */
/** @typedef {import("./pack.js").Data} PackData */
/** @typedef {Pick<State, "packs" | "wishes" | "seen"> & {permits: Record<string, string>}} Shown */

/** @type {Record<string, string>} */
const ALL_PERMITTED = {};
/** @type {readonly never[]} */
const NONE = [];

/** @extends {PanelElement<State>} */
export class Packs extends PanelElement {
  /** @type {Row[]} */
  #rows = [];
  /** @type {readonly unknown[]} */
  #madeOf = [];
  /** @type {Map<string, PackData>} what each row was drawn from: the same again is not drawn again */
  #drawnFrom = new Map();
  /** @type {Shown | undefined} */
  #shown;

  /** @override */
  attached() {
    this.act("packs.load");
  }

  /** @override What others do, such as a job's progress, is no reason to draw. */
  update() {
    const { packs, wishes, seen, status } = this.data;
    const now = { packs, wishes, seen, permits: status.value?.permits ?? ALL_PERMITTED };
    const before = this.#shown;
    if (before && packs === before.packs && wishes === before.wishes && seen === before.seen && now.permits === before.permits) return;
    this.#shown = now;
    super.update();
  }

  /** @override @param {State} state */
  render({ packs, wishes, seen, status }) {
    const wanted = wishes.value?.packages ?? NONE;
    const installed = packs.value?.packs ?? NONE;
    if (this.#madeOf[0] !== installed || this.#madeOf[1] !== wanted) {
      this.#madeOf = [installed, wanted];
      this.#rows = rowsOf(installed, linesByPack(wanted));
    }
    const rows = chosen(this.#rows, seen.sort, seen.typed);
    const permits = status.value?.permits ?? ALL_PERMITTED;
    return h(
      "div",
      { class: "si-stack" },
      packs.fault && h("safe-install-fault", { data: { fault: packs.fault, again: "packs.load" } }),
      wishes.fault && h("safe-install-fault", { data: { fault: wishes.fault, again: "packs.loadWishes" } }),
      packs.value === null
        ? packs.phase !== "failed" && h("p", { class: "si-muted", role: "status" }, t("common.loading"))
        : [
            this.#question(wanted),
            this.#filters(seen),
            rows.length > 0
              ? h("ul", { class: "si-plain si-packs", "aria-label": t("packs.list") }, rows.map((row) => this.#row(row, seen.open, permits)))
              : h("p", { class: "si-muted" }, t(this.#rows.length > 0 ? "packs.none-such" : "packs.none")),
          ],
    );
  }

  /** @override Go to the pack that was asked for, once it is there. */
  drawn() {
    const { packs, seen } = this.data;
    if (!seen.target || packs.phase !== "ready") return;
    const found = this.#rows.findIndex(({ pack }) => pack.name === seen.target);
    const pack = this.#rows[found]?.pack;
    this.act("packs.arrived", { path: pack?.path ?? "" });
    if (!pack) return this.act("panel.say", { text: t("packs.not-there", { pack: seen.target }) });
    const head = /** @type {HTMLElement | null} */ (this.querySelector(`#${rowId(found)} button`));
    head?.focus();
    head?.scrollIntoView({ block: "start" });
  }

  /** @param {State["seen"]} seen */
  #filters({ typed, sort }) {
    const counts = countSorts(this.#rows);
    /** @param {Sort | ""} each @param {string} word @param {number} count */
    const chip = (each, word, count) =>
      h(
        "button",
        { key: each || "all", class: "si-button si-chip", type: "button", "aria-pressed": String(each === sort), onclick: () => this.act("packs.filter", { sort: each === sort ? "" : each }) },
        t("packs.counted", { word, count }),
      );
    return [
      h("label", null, h("span", null, t("packs.filter")), h("input", {
        class: "si-input",
        type: "search",
        value: typed,
        placeholder: t("packs.filter-hint"),
        oninput: (/** @type {Event} */ event) => this.act("packs.filter", { typed: /** @type {HTMLInputElement} */ (event.target).value }),
      })),
      h(
        "div",
        { class: "si-row", role: "group", "aria-label": t("packs.sorts") },
        chip("", t("packs.all"), this.#rows.length),
        SORTS.filter((each) => counts[each] > 0 || each === sort).map((each) => chip(each, named("packs.state.", each), counts[each])),
      ),
    ];
  }

  /** @param {Row} row @param {Record<string, boolean>} open @param {Record<string, string>} permits */
  #row(row, open, permits) {
    const { path } = row.pack;
    const before = this.#drawnFrom.get(path);
    const same = before && before.row === row && before.open === Boolean(open[path]) && before.permits === permits;
    const id = rowId(this.#rows.indexOf(row));
    const data = same ? before : { row, open: Boolean(open[path]), id: `${id}-body`, permits };
    this.#drawnFrom.set(path, data);
    return h("li", { key: path, id, class: "si-pack" }, h("safe-install-pack", { data }));
  }

  /** @param {readonly import("../wire.js").WantedPackage[]} wanted */
  #question(wanted) {
    return h(
      "form",
      {
        class: "si-stack",
        onsubmit: (/** @type {SubmitEvent} */ event) => {
          event.preventDefault();
          const name = new FormData(/** @type {HTMLFormElement} */ (event.currentTarget)).get("package");
          this.act("packs.why", { package: String(name ?? "") });
        },
      },
      h("label", { for: "si-why-package" }, t("why.question")),
      h(
        "div",
        { class: "si-row" },
        h("div", { class: "si-grow" }, h("input", { id: "si-why-package", class: "si-input", name: "package", list: "si-why-names", required: true, autocomplete: "off", placeholder: "numpy" })),
        h("button", { class: "si-button", type: "submit" }, t("why.ask")),
      ),
      h("datalist", { id: "si-why-names" }, wanted.map(({ name }) => h("option", { value: name }))),
    );
  }
}

/** @param {number} at */
function rowId(at) {
  return `si-pack-${at}`;
}

/** Make the element known to the page, with those inside it. */
export function register() {
  registerPack();
  define("safe-install-packs", Packs);
}
