/** What the Registry found. */

import { define, PanelElement } from "../element.js";
import { h } from "../dom.js";
import { t } from "../words.js";

/** @typedef {import("../actions/flow_found.js").Found} Found */
/** @typedef {{found: Found, permits: Record<string, string>, offline: boolean, basket: readonly string[]}} Data */

/** @extends {PanelElement<Data>} */
export class FlowResults extends PanelElement {
  /** @override @param {Data} data */
  render({ found, permits, offline, basket }) {
    if (found.phase === "none") {
      return offline && h("p", { class: "si-note warn" }, t("flow.search.offline"));
    }
    return h(
      "section",
      { class: "si-stack", "aria-labelledby": "si-flow-found" },
      h("h4", { id: "si-flow-found" }, this.#title(found)),
      found.findings.length > 0 && h("div", { class: "si-note warn" }, h("safe-install-flow-findings", { data: found.findings })),
      h(
        "ul",
        { class: "si-plain si-stack" },
        found.packs.map((pack) =>
          h(
            "li",
            { key: pack.id },
            h("safe-install-flow-pack", {
              data: {
                pack,
                detail: found.details[pack.id] ?? null,
                version: found.versions[pack.id] ?? "",
                permits,
                collected: basket.includes(pack.id),
              },
            }),
          ),
        ),
      ),
      found.phase === "failed" && this.#failed(found),
      found.phase === "ready" && found.page < found.pages && this.#more(),
      found.phase === "loading" && h("p", { class: "si-muted", role: "status" }, t("flow.search.asking")),
    );
  }

  /** @param {Found} found */
  #title({ phase, total, text, packs }) {
    if (phase === "loading" && packs.length === 0) return t("flow.search.for", { text });
    if (phase === "failed" && packs.length === 0) return t("flow.search.failed");
    return total === 0 ? t("flow.search.none", { text }) : t("flow.search.found", { count: total, text });
  }

  /** @param {Found} found */
  #failed({ fault, packs }) {
    return [
      fault && h("safe-install-fault", { data: { fault, again: packs.length > 0 ? "flow.search.more" : "flow.search" } }),
      h("p", null, t("flow.search.paste")),
    ];
  }

  #more() {
    return h(
      "button",
      { class: "si-button", type: "button", onclick: () => this.act("flow.search.more") },
      t("common.more"),
    );
  }
}

/** Make the element known to the page. */
export function register() {
  define("safe-install-flow-results", FlowResults);
}
