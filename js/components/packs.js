import { define, PanelElement } from "../element.js";
import { h } from "../dom.js";

/** @extends {PanelElement<import("../state.js").State>} */
export class Packs extends PanelElement {
  /** @override @param {import("../state.js").State} _state */
  render(_state) {
    return h("div", { class: "si-stack" });
  }
}

/** Make the element known to the page. */
export function register() {
  define("safe-install-packs", Packs);
}
