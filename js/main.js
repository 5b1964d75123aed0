/** The entry: the only module that does something when it is imported. Everything else only exports. */

import { Api } from "./api.js";
import { createController } from "./controller.js";
import { ACT } from "./element.js";
import { registerElements } from "./elements.js";
import * as host from "./comfy.js";
import { extend } from "./extension.js";

/** Components with styles of their own, in the order in which these count. */
const STYLED = ["fault", "drop", "progress", "flow", "sheet", "packs", "map", "standing", "history"];

const ports = createController({ api: new Api(host.fetchApi), host });
const { store, act } = ports;

registerElements();
addStyles();
extend(ports, { render, destroy });

/** @type {AbortController | undefined} */
let shown;

/**
 * Draw the panel into an empty element of the host's. Called at every opening, and not always undone before the next.
 *
 * @param {HTMLElement} place
 */
function render(place) {
  shown?.abort();
  shown = new AbortController();
  const { signal } = shown;
  const panel = /** @type {import("./components/panel.js").Panel} */ (document.createElement("safe-install-panel"));
  place.style.height = "100%";
  panel.addEventListener(ACT, (event) => {
    const { name, detail } = /** @type {CustomEvent<import("./element.js").Act>} */ (event).detail;
    act(name, detail);
  });
  store.subscribe((state) => {
    panel.data = state;
  }, signal);
  const dress = () => {
    panel.dataset.theme = host.isLight() ? "light" : "dark";
  };
  dress();
  host.onTheme(dress, signal);
  store.set({ open: true });
  panel.data = store.value;
  place.replaceChildren(panel);
  act("standing.refresh");
}

/** The host closed it; it may say so twice. */
function destroy() {
  shown?.abort();
  shown = undefined;
  store.set({ open: false });
}

function addStyles() {
  for (const name of ["panel", ...STYLED.map((each) => `components/${each}`)]) {
    const link = document.createElement("link");
    link.rel = "stylesheet";
    link.href = new URL(`./${name}.css`, import.meta.url).href;
    document.head.append(link);
  }
}
