/** An error as it came: what happened, what can be done, and its code. */

import { define, PanelElement } from "../element.js";
import { h } from "../dom.js";
import { t } from "../words.js";

/** @typedef {import("../wire.js").Fault} Fault */

/**
 * `again`: name of the act that tries it once more.
 *
 * @extends {PanelElement<{fault: Fault, again?: string, detail?: Record<string, unknown>}>}
 */
export class FaultView extends PanelElement {
  /** @override @param {{fault: Fault, again?: string, detail?: Record<string, unknown>}} data */
  render({ fault, again, detail }) {
    const values = Object.entries(fault.context ?? {}).filter(([, value]) => value !== "");
    return h(
      "div",
      { class: "si-fault", role: "alert" },
      h("p", { class: "si-fault-message" }, h("span", { class: "pi pi-times-circle", "aria-hidden": "true" }), fault.message),
      (fault.hints ?? []).length > 0 && [
        h("p", { class: "si-muted" }, t("common.hints")),
        h("ul", null, (fault.hints ?? []).map((hint) => h("li", null, hint.text))),
      ],
      h(
        "details",
        null,
        h("summary", null, t("common.code", { code: fault.code })),
        h("dl", { class: "si-values" }, values.map(([name, value]) => [h("dt", null, name), h("dd", null, value)])),
      ),
      again !== undefined &&
        h("button", { class: "si-button", type: "button", onclick: () => this.act(again, detail) }, t("common.again")),
    );
  }
}

/** Make the element known to the page. */
export function register() {
  define("safe-install-fault", FaultView);
}
