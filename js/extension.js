/** What of ours the host shows outside the panel: the sidebar tab, commands, menus, settings. */

import { speak, t } from "./words.js";

const TAB = "safe-install";

/**
 * @param {import("./ports.js").Ports} ports
 * @param {{render: (place: HTMLElement) => void, destroy: () => void}} panel
 */
export function extend(ports, panel) {
  const { host, store, jobs, act } = ports;
  speak(host.locale());
  store.set({ locale: host.locale() });
  host.registerExtension({
    name: "SafeInstall",
    setup() {
      host.onEvent("safe_install.job", (detail) => jobs.heard(detail));
      host.onEvent("reconnected", () => act("standing.refresh"));
      act("standing.refresh");
    },
  });
  host.registerSidebarTab({
    id: TAB,
    icon: "pi pi-shield",
    title: t("panel.title"),
    tooltip: t("panel.title"),
    label: t("panel.short"),
    type: "custom",
    render: panel.render,
    destroy: panel.destroy,
  });
}
