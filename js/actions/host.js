/** What the host opens for us. */

import { spoken } from "../words.js";

/** The id of our tab in the host's sidebar. */
export const TAB = "safe-install";

/** @param {import("../ports.js").Ports} ports @returns {import("../ports.js").Acts} */
export function hostActs({ store, host }) {
  return {
    /** Open the panel, or leave it open. {view: which of its tabs} */
    "panel.open": ({ view }) => {
      host.openSidebarTab(TAB);
      if (view) store.set({ view });
    },
    /** Open the help page in a tab of the browser. */
    "host.help": () => host.openPage(helpPage()),
  };
}

/** The help page in the language spoken, below js/. */
export function helpPage() {
  return `./docs/${spoken()}/index.html`;
}
