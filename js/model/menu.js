/** What our right-click menus hold: words as keys, and the act each entry asks for. Pure. */

import { ago } from "./format.js";

/** @typedef {import("../wire.js").SnapshotSummary} SnapshotSummary */
/** @typedef {import("../wire.js").InstalledPack} InstalledPack */

/**
 * An entry: `word` is a key of the words, or `text` is said as it is. Without `act` and `entries` it only tells.
 *
 * @typedef {object} Entry
 * @property {string} [word]
 * @property {string} [text]
 * @property {Record<string, string | number>} [values]
 * @property {string} [act]
 * @property {Record<string, unknown>} [detail]
 * @property {readonly (Entry | null)[]} [entries] of its own menu; null separates
 */

/** What the host tells of a node. @typedef {{type: string, module: string, missing: boolean, properties: Record<string, unknown>}} NodeHere */

/** So many snapshots are offered. */
export const OFFERED = 8;
/** Longer names make a menu wider than a page. */
const LONGEST = 48;

/**
 * The canvas's entries.
 *
 * @param {{snapshots: readonly SnapshotSummary[], known: boolean}} past
 * @param {number} now milliseconds since 1970
 * @param {string} language
 * @returns {Entry}
 */
export function canvasMenu({ snapshots, known }, now, language) {
  const back = snapshots.slice(0, OFFERED).map((each) => snapshotEntry(each, now, language));
  const none = { word: known ? "menu.no-snapshots" : "menu.not-read" };
  return {
    word: "menu.title",
    entries: [
      { word: "menu.install", act: "panel.open", detail: { view: "install" } },
      null,
      { word: "menu.back", entries: back.length > 0 ? back : [none] },
      { word: "menu.undo", act: "past.undo", detail: {} },
      null,
      {
        word: "menu.environment",
        entries: [
          { word: "menu.packs", act: "panel.open", detail: { view: "packs" } },
          { word: "menu.conflicts", act: "panel.open", detail: { view: "map" } },
          { word: "menu.history", act: "panel.open", detail: { view: "history" } },
        ],
      },
      { word: "menu.help", act: "host.help", detail: {} },
    ],
  };
}

/** @param {SnapshotSummary} snapshot @param {number} now @param {string} language @returns {Entry} */
function snapshotEntry({ id, created, label, reason, packs }, now, language) {
  const name = shortened(label || reason || id);
  return {
    word: "menu.snapshot",
    values: { when: ago(created, now, language), name, count: packs },
    act: "past.restore",
    detail: { snapshot: id },
  };
}

/**
 * A node's entry; null for nodes of ComfyUI itself.
 *
 * @param {NodeHere} node
 * @param {{packs: readonly InstalledPack[], known: boolean}} here
 * @returns {Entry | null}
 */
export function nodeMenu(node, { packs, known }) {
  if (node.missing) {
    const from = String(node.properties.cnr_id ?? node.properties.aux_id ?? "");
    return {
      word: "menu.missing",
      entries: [
        { word: "menu.install-missing", act: "missing.install", detail: { node } },
        ...(from ? [{ word: "menu.said-to-be", values: { name: shortened(from) } }] : []),
        { word: "menu.install-all-missing", act: "missing.show", detail: {} },
      ],
    };
  }
  const folder = folderOf(node.module);
  if (folder === null) return null;
  const pack = packOf(packs, folder);
  const name = shortened(pack?.name ?? folder);
  return {
    word: "menu.node",
    values: { name },
    entries: [
      { word: pack?.version ? "menu.pack-version" : "menu.pack", values: { name, version: shortened(pack?.version ?? "") }, ...show(pack) },
      { word: "menu.why", ...show(pack) },
      null,
      undoEntry(pack, known),
    ],
  };
}

/** @param {InstalledPack | undefined} pack */
function show(pack) {
  return pack ? { act: "packs.show", detail: { pack: pack.name } } : {};
}

/** @param {InstalledPack | undefined} pack @param {boolean} known @returns {Entry} */
function undoEntry(pack, known) {
  if (!pack) return { word: known ? "menu.pack-unknown" : "menu.not-read" };
  if (!pack.brought_by) return { word: "menu.not-ours" };
  if (!pack.brought_by.snapshot) return { word: "menu.snapshot-gone" };
  return { word: "menu.undo-pack", act: "past.undoChange", detail: { transaction: pack.brought_by.transaction } };
}

/**
 * The folder below custom_nodes that a node's `python_module` names; null for ComfyUI's own (`nodes`, `comfy_extras.x`).
 *
 * @param {string} module
 */
export function folderOf(module) {
  const [first, ...rest] = module.split(".");
  return first === "custom_nodes" && rest.length > 0 ? rest.join(".") : null;
}

/** The pack of that folder (or single file, without its ending). @param {readonly InstalledPack[]} packs @param {string} folder */
export function packOf(packs, folder) {
  const last = (/** @type {string} */ path) => path.split(/[\\/]/).pop() ?? "";
  return packs.find((each) => [last(each.path), last(each.path).replace(/\.py$/, ""), each.name].includes(folder));
}

/** @param {string} text */
function shortened(text) {
  const line = text.replace(/\s+/g, " ").trim();
  return line.length > LONGEST ? `${line.slice(0, LONGEST - 1)}…` : line;
}

/**
 * What a menu may show: labels and pack names are other people's words, and the host's menus read them as HTML.
 *
 * LiteGraph's ContextMenu.addItem sets `innerHTML = title ?? content` (1.35.9), or, where `content` looks like a tag,
 * `innerHTML` of what DOMPurify leaves of it (1.58.1). The menu of Nodes 2.0 (NodeContextMenu.vue) shows plain text.
 *
 * @param {string} text
 */
export function harmless(text) {
  return text.replaceAll("<", "‹").replaceAll(">", "›");
}
