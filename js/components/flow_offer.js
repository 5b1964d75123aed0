/** What the text in the box can be installed as: a git URL, a folder, an exact version. */

import { define, PanelElement } from "../element.js";
import { h } from "../dom.js";
import { recognise } from "../model/source.js";
import { t } from "../words.js";

/** @typedef {{text: string, failed: boolean, permits: Record<string, string>}} Data */

/**
 * `failed`: whether the Registry could not be searched; then words are offered as the id of a pack.
 *
 * @extends {PanelElement<Data>}
 */
export class FlowOffer extends PanelElement {
  /** @override @param {Data} data */
  render({ text, failed, permits }) {
    const known = recognise(text);
    if (known.kind === "unusable") {
      const why = /** @type {import("../words.js").Key} */ (`flow.unusable.${known.why}`);
      return h("p", { class: "si-note warn", role: "status" }, t(why));
    }
    if (known.source === "" || (known.kind === "words" && !failed)) return null;
    const kind = known.kind === "words" ? "registry" : known.kind;
    const title = t(/** @type {import("../words.js").Key} */ (`flow.offer.${kind}`));
    const forbidden = permits[known.deed] ?? "";
    const { name, source } = known;
    return h(
      "section",
      { class: "si-card", "aria-label": title },
      h("h4", null, title),
      h("p", null, name),
      source !== name && h("p", { class: "si-mono si-muted" }, source),
      forbidden !== "" && h("p", { class: "si-flow-forbidden", id: "si-flow-no" }, forbidden),
      h(
        "div",
        { class: "si-row" },
        h(
          "button",
          {
            class: "si-button primary",
            type: "button",
            disabled: forbidden !== "",
            "aria-describedby": forbidden !== "" ? "si-flow-no" : undefined,
            onclick: () => this.act("flow.start", { sources: [source], title: name }),
          },
          t("flow.pack.install"),
        ),
        h(
          "button",
          {
            class: "si-button",
            type: "button",
            disabled: forbidden !== "",
            onclick: () => {
              this.act("flow.collect", { name, detail: source === name ? "" : source, source });
              this.act("flow.type", { text: "" });
            },
          },
          t("flow.pack.collect"),
        ),
      ),
    );
  }
}

/** Make the element known to the page. */
export function register() {
  define("safe-install-flow-offer", FlowOffer);
}
