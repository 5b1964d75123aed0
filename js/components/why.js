/** Why a package is as it is: over whatever tab is shown. */

import { define, PanelElement } from "../element.js";
import { h } from "../dom.js";
import { moment } from "../model/format.js";
import { placeOf, wishesOf } from "../model/wishes.js";
import { spoken, t } from "../words.js";
import { sheet, showSheet } from "./sheet.js";
import { outcomeTag, wishGround } from "./wish.js";

/** @typedef {import("../state.js").State} State */
/** @typedef {import("../wire.js").Why} Answer */
/** @typedef {import("../wire.js").WishStanding} WishStanding */
/** @typedef {{at?: string, operation?: string, decision?: {chosen?: string, rule?: string, reason?: string}}} Entry */

/** @extends {PanelElement<State>} */
export class Why extends PanelElement {
  /** @override @param {State} state */
  render({ seen, wishes }) {
    const asked = seen.why;
    if (asked === null) return null;
    const { phase, value, fault } = asked.answer;
    return sheet(
      { id: "si-why", title: t("why.title", { package: asked.package }), close: () => this.act("packs.closeWhy", { package: asked.package }) },
      phase === "loading" && h("p", { class: "si-muted", role: "status" }, t("common.loading")),
      fault && h("safe-install-fault", { data: { fault, again: "packs.why", detail: { package: asked.package, mark: asked.mark } } }),
      value && this.#answer(value, wishes.value?.packages ?? [], asked.mark),
    );
  }

  /** @override */
  drawn() {
    showSheet(this);
    const marked = this.querySelector("[aria-current]");
    if (marked && !marked.hasAttribute("data-seen")) {
      marked.setAttribute("data-seen", "");
      marked.scrollIntoView({ block: "nearest" });
    }
  }

  /** @param {Answer} why @param {readonly import("../wire.js").WantedPackage[]} packages @param {string} mark */
  #answer(why, packages, mark) {
    const { packs, libraries } = wishesOf(why, packages);
    return [
      h(
        "dl",
        { class: "si-values" },
        h("dt", null, t("why.installed")),
        h("dd", null, why.installed || t("why.not-installed")),
        why.provided_by && why.provided_by !== `${why.package} ${why.installed}` && [h("dt", null, t("why.provided-by")), h("dd", null, why.provided_by)],
      ),
      this.#wishes(t("why.wishes"), packs, mark, t("why.nobody")),
      libraries.length > 0 && this.#wishes(t("why.libraries"), libraries, mark, ""),
      why.rules.length > 0 && [
        h("h3", null, t("why.rules")),
        h("ul", { class: "si-plain si-stack" }, why.rules.map(({ code, says }) => h("li", null, says, " ", h("span", { class: "si-muted si-mono" }, code)))),
      ],
      h("h3", null, t("why.decisions")),
      why.decisions.length === 0
        ? h("p", { class: "si-muted" }, t("why.no-decisions"))
        : h("ol", { class: "si-plain si-stack" }, [...why.decisions].reverse().map((entry) => this.#decision(/** @type {Entry} */ (entry)))),
    ];
  }

  /** @param {string} title @param {readonly WishStanding[]} wishes @param {string} mark @param {string} none */
  #wishes(title, wishes, mark, none) {
    return [
      h("h3", null, title),
      wishes.length === 0
        ? h("p", { class: "si-muted" }, none)
        : h("ul", { class: "si-plain si-wishes" }, wishes.map((wish) => this.#wish(wish, placeOf(wish) === mark))),
    ];
  }

  /** @param {WishStanding} wish @param {boolean} marked */
  #wish(wish, marked) {
    return h(
      "li",
      { class: marked ? "si-wish marked" : "si-wish", "aria-current": marked ? "true" : undefined },
      h("div", { class: "si-row" }, h("strong", null, wish.pack), h("code", { class: "si-mono" }, wish.requirement), outcomeTag(wish.outcome)),
      marked && h("p", { class: "si-small si-muted" }, t("why.marked")),
      wishGround(wish),
    );
  }

  /** @param {Entry} entry */
  #decision({ at = "", operation = "", decision = {} }) {
    return h(
      "li",
      { class: "si-wish" },
      h("div", { class: "si-row" }, h("strong", null, t("why.chosen", { chosen: decision.chosen ?? "" })), h("span", { class: "si-muted si-small" }, moment(at, spoken()), " · ", operation)),
      h("p", { class: "si-small" }, decision.reason || decision.rule || ""),
    );
  }
}

/** Make the element known to the page. */
export function register() {
  define("safe-install-why", Why);
}
