/** Things the user should know, by kind, each with where it is about and what can be done. */

import { define, PanelElement } from "../element.js";
import { h } from "../dom.js";
import { hintsOf } from "../model/plan.js";

/** @typedef {import("../wire.js").Finding} Finding */

/** @extends {PanelElement<readonly Finding[]>} */
export class FlowFindings extends PanelElement {
  /** @override @param {readonly Finding[]} findings */
  render(findings) {
    return h("ul", { class: "si-plain si-flow-rows" }, findings.map((each) => h("li", null, this.#finding(each))));
  }

  /** @param {Finding} finding */
  #finding(finding) {
    const place = [finding.pack, finding.file && finding.line > 0 ? `${finding.file}:${finding.line}` : finding.file];
    const where = place.filter((each) => each !== "").join(", ");
    const hints = hintsOf(finding);
    return [
      h("p", null, finding.message),
      where !== "" && h("p", { class: "si-muted si-small" }, where),
      hints.length > 0 && h("ul", { class: "si-small" }, hints.map(({ text }) => h("li", null, text))),
    ];
  }
}

/** Make the element known to the page. */
export function register() {
  define("safe-install-flow-findings", FlowFindings);
}
