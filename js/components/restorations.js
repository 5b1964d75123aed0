/** How each pack, package and file comes back: how many of each first, then which, folded. */

import { define, PanelElement } from "../element.js";
import { h } from "../dom.js";
import { byHow } from "../model/going_back.js";
import { t } from "../words.js";
import { fromTo } from "./past_words.js";

/** @typedef {import("../wire.js").RollbackPlan} RollbackPlan */
/** @typedef {import("../wire.js").Restoration} Restoration */

/** @type {Record<import("../model/going_back.js").How, string>} */
const TONES = { "not-restorable": "bad", "same-version": "warn", exact: "good", remove: "" };

/** @extends {PanelElement<RollbackPlan>} */
export class Restorations extends PanelElement {
  /** @override @param {RollbackPlan} data */
  render({ items, kept, exact, full, findings }) {
    const groups = byHow(items);
    return h(
      "div",
      { class: "si-stack" },
      h("p", null, t(full ? "past.back.from-full" : exact ? "past.back.all-exact" : "past.back.some")),
      h(
        "p",
        { class: "si-row" },
        groups.map(({ how, items: those }) => h("span", { class: `si-tag ${TONES[how]}` }, t(`past.how.${how}`, { count: those.length }))),
        h("span", { class: "si-muted si-small" }, t("past.back.kept", { count: kept })),
      ),
      groups.map(({ how, items: those, counts }) =>
        h(
          "details",
          { class: "si-card", key: how, open: how === "not-restorable" || those.length <= 6 },
          h(
            "summary",
            null,
            t(`past.how.${how}`, { count: those.length }),
            h("span", { class: "si-muted si-small" }, ` (${counts.map(({ kind, count }) => t(`past.kind.${kind}`, { count })).join(", ")})`),
          ),
          h("p", { class: "si-muted" }, t(`past.how-what.${how}`)),
          h("ul", { class: "si-plain si-restorations" }, those.map((each) => this.#item(each))),
        ),
      ),
      findings.map((each) =>
        h("div", { class: "si-note warn" }, h("p", null, each.message), (each.hints ?? []).map((hint) => h("p", { class: "si-muted" }, hint.text))),
      ),
    );
  }

  /** @param {Restoration} item */
  #item(item) {
    const { kind, name, reason } = item;
    return h(
      "li",
      null,
      h("span", { class: "si-tag" }, t(`past.kind-one.${/** @type {"pack"} */ (kind)}`)),
      " ",
      h("span", { class: kind === "file" ? "si-mono" : undefined }, name),
      " ",
      h("span", { class: "si-muted" }, item.how === "remove" ? item.from : fromTo({ ...item, action: item.how })),
      reason !== "" && h("p", { class: "si-muted si-small" }, reason),
    );
  }
}

/** Make the element known to the page. */
export function register() {
  define("safe-install-restorations", Restorations);
}
