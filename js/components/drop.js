/** A zip let go anywhere on the panel. Without this the host would take it for a workflow. */

import { define, PanelElement } from "../element.js";
import { h } from "../dom.js";
import { t } from "../words.js";

/** @extends {PanelElement<{forbidden: string}>} */
export class Drop extends PanelElement {
  #over = false;

  /** @override @param {AbortSignal} signal */
  attached(signal) {
    const panel = this.closest("safe-install-panel") ?? this;
    const on = (/** @type {string} */ name, /** @type {(event: DragEvent) => void} */ listener) =>
      panel.addEventListener(name, /** @type {EventListener} */ (listener), { signal });
    on("dragenter", (event) => this.#drag(event, true));
    on("dragover", (event) => this.#drag(event, true));
    on("dragleave", (event) => {
      if (!panel.contains(/** @type {Node | null} */ (event.relatedTarget))) this.#drag(event, false);
    });
    on("drop", (event) => {
      if (!this.#drag(event, false) || this.data.forbidden) return;
      this.act("panel.show", { view: "install" });
      this.act("flow.upload", { files: [...(event.dataTransfer?.files ?? [])] });
    });
  }

  /** @override @param {{forbidden: string}} data */
  render({ forbidden }) {
    return this.#over && h("p", { class: "si-drop" }, forbidden || t("panel.let-go"));
  }

  /** Whether it is ours: files, no text or node. @param {DragEvent} event @param {boolean} over */
  #drag(event, over) {
    if (!event.dataTransfer?.types.includes("Files")) return false;
    event.preventDefault();
    event.stopPropagation();
    if (this.#over !== over) {
      this.#over = over;
      this.update();
    }
    return true;
  }
}

/** Make the element known to the page. */
export function register() {
  define("safe-install-drop", Drop);
}
