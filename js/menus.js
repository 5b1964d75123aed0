/** Our entries of the right-click menus. The host asks for them at every click, and more often: nothing is fetched here. */

import { canvasMenu, harmless, nodeMenu } from "./model/menu.js";
import { spoken, t } from "./words.js";

/** @typedef {import("./ports.js").Ports} Ports */
/** @typedef {import("./model/menu.js").Entry} Entry */

/** Where the panel need not be open. */
const WITHOUT_PANEL = new Set(["host.help"]);

/** @param {Ports} ports @returns {unknown[]} as of `getCanvasMenuItems` */
export function canvasItems(ports) {
  const { known } = ports.store.value.standing;
  return [null, item(ports, canvasMenu({ snapshots: known.snapshots, known: known.ready }, Date.now(), spoken()))];
}

/** @param {Ports} ports @param {import("./model/menu.js").NodeHere} node @returns {unknown[]} as of `getNodeMenuItems` */
export function nodeItems(ports, node) {
  const { known } = ports.store.value.standing;
  const entry = nodeMenu(node, { packs: known.packs, known: known.ready });
  return entry ? [item(ports, entry)] : [];
}

/** @param {Ports} ports @param {Entry | null} entry @returns {unknown} */
function item(ports, entry) {
  if (entry === null) return null;
  const { word, text = "", values, act, detail, entries } = entry;
  const content = harmless(word ? t(/** @type {import("./words.js").Key} */ (word), values) : text);
  if (entries) {
    // Without has_submenu the menus of Nodes 2.0 show a dead entry (1.58.1).
    return { content, has_submenu: true, submenu: { options: entries.map((each) => item(ports, each)) } };
  }
  return { content, disabled: act === undefined, callback: act && (() => void run(ports, act, detail)) };
}

/** @param {Ports} ports @param {string} act @param {Record<string, unknown>} [detail] */
async function run(ports, act, detail) {
  if (!WITHOUT_PANEL.has(act)) await ports.act("panel.open");
  await ports.act(act, detail);
}
