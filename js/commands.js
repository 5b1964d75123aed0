/** Our commands, and where the host offers them: keys, the main menu, the bar above a selected node. */

import { TAB } from "./actions/host.js";
import { folderOf, packOf } from "./model/menu.js";
import { t } from "./words.js";

/** @typedef {import("./ports.js").Ports} Ports */

/** Commands of the main menu; null separates. */
const MENU = [
  ["SafeInstall.Open", "SafeInstall.InstallMissing"],
  ["SafeInstall.UndoLast", "SafeInstall.TakeSnapshot", "SafeInstall.Environment"],
  ["SafeInstall.Restart", "SafeInstall.Help"],
];

/** As of `app.registerExtension`: each list gets a line above it. */
export const menuCommands = MENU.map((commands) => ({ path: ["Extensions", "Safe Install"], commands }));

/** A plain letter opens a tab of the sidebar, as the host's own tabs do; `i` is free in 1.35.9 and 1.58.1. */
export const keybindings = [{ combo: { key: "i" }, commandId: "SafeInstall.Open" }];

/** @param {Ports} ports @returns {Record<string, unknown>[]} as of `app.registerExtension` */
export function commands(ports) {
  const { act, host } = ports;
  /** @param {string} id @param {string} icon @param {string} label @param {() => unknown} run */
  const command = (id, icon, label, run) => ({
    id: `SafeInstall.${id}`,
    icon: `pi ${icon}`,
    label,
    menubarLabel: label,
    tooltip: label,
    function: run,
  });
  /** @param {string} name @param {Record<string, unknown>} [detail] */
  const shown = (name, detail) => async () => {
    await act("panel.open");
    await act(name, detail);
  };
  return [
    command("Open", "pi-shield", t("commands.open"), () => host.toggleSidebarTab(TAB)),
    command("InstallMissing", "pi-download", t("commands.install-missing"), () => act("missing.show")),
    command("UndoLast", "pi-undo", t("commands.undo"), shown("past.undo")),
    command("TakeSnapshot", "pi-camera", t("commands.snapshot"), () => takeSnapshot(ports)),
    command("Environment", "pi-box", t("commands.environment"), () => act("panel.open", { view: "packs" })),
    command("Restart", "pi-refresh", t("commands.restart"), () => act("standing.restart")),
    command("Help", "pi-question-circle", t("commands.help"), () => act("host.help")),
    command("NodePack", "pi-box", t("commands.node-pack"), () => withPack(ports, ({ name }) => shown("packs.show", { pack: name })())),
    command("NodeUndo", "pi-history", t("commands.node-undo"), () =>
      withPack(ports, ({ brought_by }) => shown("past.undoChange", { transaction: brought_by?.transaction })()),
    ),
    command("NodeInstall", "pi-download", t("commands.node-install"), () => {
      const node = host.selectedNode();
      return node && act("missing.install", { node });
    }),
  ];
}

/**
 * The commands for a selected node, in the bar above it: the way in where the node's menu asks no extension (1.35.9
 * with Nodes 2.0). Runs at every selection: no fetch.
 *
 * @param {Ports} ports
 * @param {any} item of the host: a node, or something else that can be selected
 * @returns {string[]}
 */
export function toolbox(ports, item) {
  if (typeof item?.type !== "string" || !item.properties) return [];
  const node = ports.host.nodeHere(item);
  if (node.missing) return ["SafeInstall.NodeInstall"];
  const pack = packAt(ports, node.module);
  if (!pack) return [];
  return pack.brought_by?.snapshot ? ["SafeInstall.NodePack", "SafeInstall.NodeUndo"] : ["SafeInstall.NodePack"];
}

/** @param {Ports} ports @param {(pack: import("./wire.js").InstalledPack) => unknown} use */
function withPack(ports, use) {
  const pack = packAt(ports, ports.host.selectedNode()?.module ?? "");
  return pack && use(pack);
}

/** @param {Ports} ports @param {string} module */
function packAt({ store }, module) {
  const folder = folderOf(module);
  return folder === null ? undefined : packOf(store.value.standing.known.packs, folder);
}

/** @param {Ports} ports */
async function takeSnapshot({ act, api, host, jobs }) {
  const label = await host.prompt({ title: t("commands.snapshot"), message: t("commands.snapshot-label"), defaultValue: "" });
  if (label === null) return;
  try {
    const { id } = await api.takeSnapshot({ label, full: null, client_id: host.clientId(), ui_id: "" });
    const job = await jobs.follow(id);
    if (job.state === "done") host.toast("success", t("commands.snapshot-taken"), label);
    else host.toast("error", t("commands.snapshot-failed"), job.error?.message ?? "");
  } catch (error) {
    host.toast("error", t("commands.snapshot-failed"), error instanceof Error ? error.message : String(error));
  }
  await act("standing.refresh");
}
