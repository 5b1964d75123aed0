/** What of ours the host shows outside the panel: the sidebar tab, commands, menus, settings, badge, toasts. */

import { helpPage, TAB } from "./actions/host.js";
import { commands, keybindings, menuCommands, toolbox } from "./commands.js";
import { canvasItems, nodeItems } from "./menus.js";
import { attention, badge } from "./model/attention.js";
import { settings, SHOW_BADGE } from "./settings.js";
import { tellOfEnds } from "./toasts.js";
import { speak, t } from "./words.js";

/** @typedef {import("./ports.js").Ports} Ports */

/**
 * @param {Ports} ports
 * @param {{render: (place: HTMLElement) => void, destroy: () => void}} panel
 */
export function extend(ports, panel) {
  const { host, store, jobs, act } = ports;
  speak(host.locale());
  store.set({ locale: host.locale() });
  const about = { label: t("panel.short"), url: host.addressOf(helpPage()), icon: "pi pi-shield" };
  host.registerExtension({
    name: "SafeInstall",
    commands: commands(ports),
    keybindings,
    menuCommands,
    settings: settings(() => showBadge(ports)),
    aboutPageBadges: [about],
    getCanvasMenuItems: () => canvasItems(ports),
    getNodeMenuItems: (/** @type {any} */ node) => nodeItems(ports, host.nodeHere(node)),
    getSelectionToolboxCommands: (/** @type {any} */ item) => toolbox(ports, item),
    setup() {
      host.onEvent("safe_install.job", (detail) => jobs.heard(detail));
      store.subscribe((state) => {
        if (state.status.value) about.label = t("commands.about", { version: state.status.value.version });
        showBadge(ports);
      });
      tellOfEnds(ports);
      void act("standing.watch");
    },
    afterConfigureGraph: () => {
      if (host.setting("SafeInstall.LookForMissing") !== false) void act("missing.heard");
    },
  });
  host.registerSidebarTab({
    id: TAB,
    icon: "pi pi-shield",
    title: t("panel.title"),
    tooltip: t("panel.title"),
    label: t("panel.short"),
    type: "custom",
    iconBadge: "",
    render: panel.render,
    destroy: panel.destroy,
  });
}

/** @param {Ports} ports */
function showBadge({ host, store }) {
  const shown = host.setting(SHOW_BADGE) === false ? null : badge(attention(store.value, Date.now()));
  host.setBadge(TAB, shown);
}
