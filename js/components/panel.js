/** The panel: its tabs, what stands over all of them, and the one that is shown. */

import { define, PanelElement } from "../element.js";
import { h } from "../dom.js";
import { t } from "../words.js";
import { register as registerDrop } from "./drop.js";
import { register as registerWhy } from "./why.js";

/** @typedef {import("../state.js").State} State */
/** @typedef {import("../state.js").View} View */

/** @type {{view: View, word: import("../words.js").Key, icon: string, element: string}[]} */
const TABS = [
  { view: "install", word: "panel.install", icon: "pi-download", element: "safe-install-flow" },
  { view: "history", word: "panel.history", icon: "pi-history", element: "safe-install-history" },
  { view: "packs", word: "panel.packs", icon: "pi-box", element: "safe-install-packs" },
  { view: "map", word: "panel.map", icon: "pi-table", element: "safe-install-map" },
];

/** @extends {PanelElement<State>} */
export class Panel extends PanelElement {
  /** @override @param {State} state */
  render(state) {
    const shown = TABS.find((each) => each.view === state.view) ?? TABS[0];
    return [
      h(
        "header",
        { class: "si-head" },
        h("h2", null, t("panel.title")),
        h(
          "button",
          { class: "si-button quiet", type: "button", "aria-label": t("panel.help"), onclick: () => this.act("host.help") },
          h("span", { class: "pi pi-question-circle", "aria-hidden": "true" }),
        ),
      ),
      h(
        "div",
        { class: "si-tabs", role: "tablist", "aria-label": t("panel.tabs"), onkeydown: (/** @type {KeyboardEvent} */ event) => this.#move(event) },
        TABS.map((each) => this.#tab(each, each === shown)),
      ),
      h("safe-install-standing", { data: state }),
      shown &&
        h(
          "div",
          { class: "si-view", role: "tabpanel", id: `si-view-${shown.view}`, key: shown.view, "aria-labelledby": `si-tab-${shown.view}` },
          h(shown.element, { data: state }),
        ),
      h("safe-install-why", { data: state }),
      h("safe-install-drop", { data: { forbidden: state.status.value?.permits["install-local"] ?? "" } }),
      h("p", { class: "si-said", role: "status", "aria-live": "polite" }, state.said),
    ];
  }

  /** @param {typeof TABS[number]} tab @param {boolean} chosen */
  #tab({ view, word, icon }, chosen) {
    return h(
      "button",
      {
        key: view,
        id: `si-tab-${view}`,
        class: "si-tab",
        type: "button",
        role: "tab",
        "aria-selected": String(chosen),
        "aria-controls": chosen ? `si-view-${view}` : undefined,
        tabindex: chosen ? "0" : "-1",
        onclick: () => this.act("panel.show", { view }),
      },
      h("span", { class: `pi ${icon}`, "aria-hidden": "true" }),
      h("span", null, t(word)),
    );
  }

  /** Arrow keys go from tab to tab (ARIA Authoring Practices, tabs with automatic activation). @param {KeyboardEvent} event */
  #move(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const at = TABS.findIndex((each) => each.view === this.data.view);
    const next =
      event.key === "Home" ? 0 : event.key === "End" ? TABS.length - 1 : step && (at + step + TABS.length) % TABS.length;
    const tab = next === undefined ? undefined : TABS[next];
    if (tab === undefined) return;
    event.preventDefault();
    this.act("panel.show", { view: tab.view });
    /** @type {HTMLElement | null} */ (this.querySelector(`#si-tab-${tab.view}`))?.focus();
  }
}

/** Make the element known to the page, with what opens over every tab. */
export function register() {
  registerDrop();
  registerWhy();
  define("safe-install-panel", Panel);
}
