/** One conflict as a card: who wants what, what is chosen and why, whose wish is broken, and how else it could be. */

import { define, PanelElement } from "../element.js";
import { h } from "../dom.js";
import { chosenFor, wishes } from "../model/plan.js";
import { named, t } from "../words.js";

/** @typedef {import("../wire.js").Decision} Decision */

/** Wishes that are shown at once; the others are folded away. */
const FEW = 5;

/** @extends {PanelElement<Decision>} */
export class FlowConflict extends PanelElement {
  /** @override @param {Decision} decision */
  render(decision) {
    const { package: name, chosen, rule, reason } = decision;
    const all = wishes(decision);
    const broken = all.filter(({ met }) => !met);
    return h(
      "article",
      { class: broken.length > 0 ? "si-card warn" : "si-card", "aria-label": t("flow.conflict.of", { package: name }) },
      h(
        "div",
        { class: "si-row" },
        h("h5", { class: "si-grow" }, name),
        h("span", { class: "si-tag info" }, t("flow.conflict.chosen", { version: chosen })),
      ),
      h("ul", { class: "si-plain si-flow-rows" }, all.slice(0, FEW).map((wish) => this.#wish(wish))),
      all.length > FEW &&
        h(
          "details",
          null,
          h("summary", null, t("flow.conflict.more", { count: all.length - FEW })),
          h("ul", { class: "si-plain si-flow-rows" }, all.slice(FEW).map((wish) => this.#wish(wish))),
        ),
      h("p", null, h("strong", null, named("flow.rule.", rule)), reason !== "" && ` – ${reason}`),
      broken.length > 0 &&
        h("p", { class: "si-flow-broken" }, t("flow.conflict.broken", { packs: [...new Set(broken.map(({ pack }) => pack))].join(", ") })),
      this.#otherwise(decision),
    );
  }

  /** @param {import("../wire.js").Wish & {met: boolean}} wish */
  #wish({ pack, requirement, met }) {
    return h(
      "li",
      { key: `${pack} ${requirement}`, class: "si-row" },
      h(
        "span",
        { class: met ? "si-tag good" : "si-tag warn" },
        h("span", { class: `pi ${met ? "pi-check" : "pi-times"}`, "aria-hidden": "true" }),
        t(met ? "flow.wish.met" : "flow.wish.broken"),
      ),
      h("span", { class: "si-grow" }, pack, " ", h("span", { class: "si-mono" }, requirement)),
    );
  }

  /** @param {Decision} decision */
  #otherwise(decision) {
    const { alternatives, package: name } = decision;
    const chosen = chosenFor(decision);
    if (alternatives.length === 0 && chosen.length === 0) return h("p", { class: "si-muted" }, t("flow.conflict.fixed"));
    return h(
      "div",
      { class: "si-row", role: "group", "aria-label": t("flow.conflict.otherwise", { package: name }) },
      h("span", { class: "si-muted" }, t("flow.conflict.instead")),
      alternatives.map((pack) =>
        h(
          "button",
          { key: pack, class: "si-button", type: "button", onclick: () => this.act("flow.prefer", { package: name, pack }) },
          t("flow.conflict.follow", { pack }),
        ),
      ),
      chosen.map((each) =>
        h(
          "button",
          { key: `rules ${each}`, class: "si-button", type: "button", onclick: () => this.act("flow.prefer", { package: each, pack: "" }) },
          t("flow.conflict.rules", { package: each }),
        ),
      ),
    );
  }
}

/** Make the element known to the page. */
export function register() {
  define("safe-install-flow-conflict", FlowConflict);
}
