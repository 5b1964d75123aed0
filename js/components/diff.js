/** What differs between two snapshots, or between one and now. */

import { define, PanelElement } from "../element.js";
import { h } from "../dom.js";
import { bySort } from "../model/timeline.js";
import { t } from "../words.js";
import { countTags, fromTo, icon, movedLists, sideName, when } from "./past_words.js";

/** @typedef {import("../wire.js").SnapshotDiff} SnapshotDiff */
/** @typedef {{diff: import("../actions/past.js").Comparison, known: import("./past_words.js").Known}} Shown */

/** @extends {PanelElement<Shown>} */
export class DiffView extends PanelElement {
  /** @override @param {Shown} data */
  render({ diff: { a, b, answer }, known }) {
    return h(
      "div",
      { class: "si-stack" },
      h(
        "div",
        { class: "si-row" },
        h("button", { class: "si-button", type: "button", onclick: () => this.act("past.list") }, t("common.back")),
        h("button", { class: "si-button", type: "button", onclick: () => this.act("past.swap") }, icon("pi-sort-alt"), t("past.diff.swap")),
      ),
      h("h3", { tabindex: "-1", "data-heading": true }, t("past.diff.title")),
      h(
        "dl",
        { class: "si-values" },
        h("dt", null, t("past.diff.from")),
        h("dd", null, sideName(a, known), " ", when(known.get(a)?.created ?? "")),
        h("dt", null, t("past.diff.to")),
        h("dd", null, sideName(b, known), " ", when(known.get(b)?.created ?? "")),
      ),
      answer.phase === "loading" && h("p", { role: "status" }, t("past.diff.reads")),
      answer.fault && h("safe-install-fault", { data: { fault: answer.fault, again: "past.compare", detail: { a, b } } }),
      answer.phase === "ready" && answer.value && this.#differences(answer.value),
    );
  }

  /** @param {SnapshotDiff} diff */
  #differences({ empty, changes, packs, unowned, python, comfyui }) {
    if (empty) return h("p", { class: "si-note good", role: "status" }, t("past.diff.same"));
    return [
      h("p", { class: "si-row", role: "status" }, packs.length > 0 && h("span", { class: "si-tag" }, t("past.packs", { count: packs.length })), countTags(changes)),
      this.#pair(t("past.comfyui"), comfyui),
      this.#pair(t("past.python"), python),
      packs.length > 0 &&
        h(
          "section",
          { class: "si-card" },
          h("h4", null, t("past.diff.packs")),
          h(
            "ul",
            null,
            bySort(packs).map(({ sort, items }) =>
              items.map((each) => h("li", null, t(`past.diff.pack.${/** @type {"new" | "changed" | "removed"} */ (sort)}`, { name: each.name }), " ", h("span", { class: "si-muted" }, fromTo(each)))),
            ),
          ),
        ),
      changes.length > 0 && h("section", { class: "si-card" }, h("h4", null, t("past.diff.packages")), movedLists(changes, changes.length <= 20)),
      unowned.length > 0 &&
        h(
          "details",
          { class: "si-card" },
          h("summary", null, t("past.diff.files", { count: unowned.length })),
          h("ul", null, unowned.map((each) => h("li", null, h("span", { class: "si-mono" }, each.path), " ", h("span", { class: "si-muted" }, t(`past.diff.file.${/** @type {"added"} */ (each.action)}`))))),
        ),
    ];
  }

  /** @param {string} name @param {readonly string[] | null} pair */
  #pair(name, pair) {
    return pair && h("p", { class: "si-note warn" }, t("past.diff.other", { name, from: pair[0] ?? "", to: pair[1] ?? "" }));
  }
}

/** Make the element known to the page. */
export function register() {
  define("safe-install-diff", DiffView);
}
