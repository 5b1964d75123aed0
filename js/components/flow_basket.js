/** What was collected, to be installed as one change. */

import { define, PanelElement } from "../element.js";
import { h } from "../dom.js";
import { t } from "../words.js";

/** @typedef {import("../actions/flow.js").Item} Item */

/** @extends {PanelElement<readonly Item[]>} */
export class FlowBasket extends PanelElement {
  /** @override @param {readonly Item[]} items */
  render(items) {
    if (items.length === 0) return null;
    return h(
      "section",
      { class: "si-card", "aria-labelledby": "si-flow-basket" },
      h("h4", { id: "si-flow-basket" }, t("flow.basket.title", { count: items.length })),
      h("ul", { class: "si-plain si-flow-rows" }, items.map((item) => this.#item(item))),
      h(
        "button",
        { class: "si-button primary", type: "button", onclick: () => this.act("flow.basket") },
        t("flow.basket.plan", { count: items.length }),
      ),
    );
  }

  /** @param {Item} item */
  #item({ key, name, detail }) {
    return h(
      "li",
      { key, class: "si-row" },
      h("span", { class: "si-grow" }, name, detail !== "" && h("span", { class: "si-muted si-small" }, ` ${detail}`)),
      h(
        "button",
        {
          class: "si-button quiet",
          type: "button",
          "aria-label": t("flow.basket.leave", { name }),
          onclick: () => this.act("flow.leave", { key }),
        },
        h("span", { class: "pi pi-times", "aria-hidden": "true" }),
      ),
    );
  }
}

/** Make the element known to the page. */
export function register() {
  define("safe-install-flow-basket", FlowBasket);
}
