/** What a pack asks for, line by line, and who else wants that. */

import { define, PanelElement } from "../element.js";
import { h } from "../dom.js";
import { placeOf } from "../model/wishes.js";
import { t } from "../words.js";
import { outcomeTag, wishGround } from "./wish.js";

/** @typedef {import("../model/wishes.js").Line} Line */

/** So many others are named at once; more are folded. */
const FEW = 3;

/** @extends {PanelElement<readonly Line[]>} */
export class PackLines extends PanelElement {
  /** @override @param {readonly Line[]} lines */
  render(lines) {
    if (lines.length === 0) return h("p", { class: "si-muted" }, t("packs.wants-nothing"));
    return h("ul", { class: "si-plain si-wishes", "aria-label": t("packs.lines") }, lines.map((line) => this.#line(line)));
  }

  /** @param {Line} line */
  #line({ package: { name, installed }, wish, others }) {
    return h(
      "li",
      { class: "si-wish" },
      h("div", { class: "si-row" }, h("code", { class: "si-mono" }, wish.requirement), outcomeTag(wish.outcome)),
      wishGround(wish),
      // Of a broken line the reason says already what is installed.
      wish.outcome !== "broken" &&
        h("p", { class: "si-small si-muted" }, installed ? t("packs.installed", { package: name, version: installed }) : t("packs.not-installed", { package: name })),
      this.#others(others),
      h(
        "button",
        { class: "si-button si-slim", type: "button", onclick: () => this.act("packs.why", { package: name, mark: placeOf(wish) }) },
        t("packs.why", { package: name }),
      ),
    );
  }

  /** @param {Line["others"]} others */
  #others(others) {
    const words = [...new Set(others.map((each) => `${each.pack} (${each.requirement})`))];
    if (words.length === 0) return h("p", { class: "si-small si-muted" }, t("packs.nobody-else"));
    if (words.length <= FEW) return h("p", { class: "si-small si-muted" }, t("packs.others", { others: words.join(", ") }));
    return h(
      "details",
      { class: "si-small" },
      h("summary", null, t("packs.many-others", { count: words.length })),
      h("ul", null, words.map((each) => h("li", null, each))),
    );
  }
}

/** Make the element known to the page. */
export function register() {
  define("safe-install-pack-lines", PackLines);
}
