/** What a plan needs a yes for, item by item, and what may be allowed on top. */

import { define, PanelElement } from "../element.js";
import { h } from "../dom.js";
import { consents } from "../model/plan.js";
import { named, spoken, t } from "../words.js";

/** @typedef {import("../model/plan.js").Allowance} Allowance */
/** `plan` is null where there could be none without an allowance. @typedef {{plan: import("../wire.js").Plan | null, agreed: readonly string[], allow: readonly string[], asked: readonly Allowance[]}} Data */

/** @extends {PanelElement<Data>} */
export class FlowConsents extends PanelElement {
  /** @override @param {Data} data */
  render({ plan, agreed, allow, asked }) {
    const needed = plan ? consents(plan) : [];
    return h(
      "div",
      { class: "si-stack" },
      needed.length > 0 &&
        h(
          "fieldset",
          { class: "si-card warn si-flow-asks" },
          h("legend", null, t("flow.consent.title")),
          needed.map((item) => this.#consent(item, agreed.includes(item.key))),
        ),
      asked.length > 0 &&
        h(
          "fieldset",
          { class: asked.some((each) => each.needed) ? "si-card bad si-flow-asks" : "si-card si-flow-asks" },
          h("legend", null, t("flow.allow.title")),
          h("p", { class: "si-muted" }, t("flow.allow.again")),
          asked.map((each) => this.#allowance(each, allow.includes(each.kind), plan !== null)),
        ),
    );
  }

  /** @param {ReturnType<typeof consents>[number]} item @param {boolean} checked */
  #consent({ key, decision, reason }, checked) {
    const words =
      decision === null
        ? reason
        : t("flow.consent.decision", {
            package: decision.package,
            chosen: decision.chosen,
            wishes: new Intl.ListFormat(spoken()).format(decision.violates.map((wish) => t("flow.consent.wish", wish))),
          });
    return h(
      "label",
      { class: "si-check", key },
      h("input", {
        type: "checkbox",
        checked,
        onchange: (/** @type {Event} */ event) =>
          this.act("flow.agree", { key, on: /** @type {HTMLInputElement} */ (event.target).checked }),
      }),
      h("span", null, words),
    );
  }

  /** @param {Allowance} allowance @param {boolean} checked @param {boolean} told whether what asks for it is told here */
  #allowance({ kind, needed, by }, checked, told) {
    return h(
      "div",
      { key: kind, class: "si-stack si-flow-allow" },
      h(
        "label",
        { class: "si-check" },
        h("input", {
          type: "checkbox",
          checked,
          onchange: (/** @type {Event} */ event) =>
            this.act("flow.allow", { kind, on: /** @type {HTMLInputElement} */ (event.target).checked }),
        }),
        h("span", null, named("flow.allow.", kind), needed && !checked && h("strong", null, ` ${t("flow.allow.needed")}`)),
      ),
      told && by.length > 0 && h("safe-install-flow-findings", { class: "si-flow-because", data: by }),
    );
  }
}

/** Make the element known to the page. */
export function register() {
  define("safe-install-flow-consents", FlowConsents);
}
