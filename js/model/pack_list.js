/** Which packs are shown, and how many there are of each sort. Pure. */

import { tally } from "./wishes.js";

/** @typedef {import("../wire.js").InstalledPack} InstalledPack */
/** @typedef {import("./wishes.js").Line} Line */
/** @typedef {InstalledPack["state"] | "unsatisfied"} Sort - `unsatisfied`: at least one of its lines is not met */
/** @typedef {{pack: InstalledPack, lines: readonly Line[], unmet: number}} Row */

/** In the order they are offered. */
export const SORTS = /** @type {const} */ (["failed", "unsatisfied", "not-loaded", "loaded", "disabled"]);

/** @type {readonly Line[]} */
const NONE = [];

/**
 * One row for each pack. Disabled packs want nothing.
 *
 * @param {readonly InstalledPack[]} packs
 * @param {ReadonlyMap<string, Line[]>} lines by pack
 * @returns {Row[]}
 */
export function rowsOf(packs, lines) {
  return packs.map((pack) => {
    const its = (!pack.disabled && lines.get(pack.name)) || NONE;
    const { overruled, broken } = tally(its);
    return { pack, lines: its, unmet: overruled + broken };
  });
}

/** Whether a pack is of that sort. @param {Row} row @param {Sort} sort */
export function isOf({ pack, unmet }, sort) {
  return sort === "unsatisfied" ? unmet > 0 : pack.state === sort;
}

/** @param {readonly Row[]} rows @returns {Record<Sort, number>} */
export function countSorts(rows) {
  const count = (/** @type {Sort} */ sort) => rows.filter((row) => isOf(row, sort)).length;
  return {
    failed: count("failed"),
    unsatisfied: count("unsatisfied"),
    "not-loaded": count("not-loaded"),
    loaded: count("loaded"),
    disabled: count("disabled"),
  };
}

/**
 * The rows of a sort (all for an empty one) whose name, origin, node types or packages have every word typed.
 *
 * @param {readonly Row[]} rows
 * @param {Sort | ""} sort
 * @param {string} typed
 */
export function chosen(rows, sort, typed) {
  const words = typed.toLowerCase().split(/\s+/).filter(Boolean);
  return rows.filter((row) => (sort === "" || isOf(row, sort)) && words.every((word) => has(row, word)));
}

/** @param {Row} row @param {string} word */
function has({ pack, lines }, word) {
  return (
    [pack.name, pack.remote, pack.version, ...pack.node_types].some((text) => text.toLowerCase().includes(word)) ||
    lines.some((line) => line.package.name.includes(word))
  );
}

/** @typedef {"update" | "fix" | "enable" | "disable" | "uninstall"} Deed */

/** What can be done with a pack. @param {InstalledPack} pack @returns {Deed[]} */
export function deedsOf(pack) {
  return pack.disabled ? ["enable", "uninstall"] : ["update", "fix", "disable", "uninstall"];
}

/**
 * A task as `POST plan` and `tasks` take it, with ComfyUI-Manager's parameters.
 *
 * @param {Deed} kind
 * @param {InstalledPack} pack
 * @returns {{kind: Deed, params: Record<string, string>}}
 */
export function taskOf(kind, pack) {
  if (kind === "enable") return { kind, params: { cnr_id: pack.name } };
  if (kind === "update" || kind === "fix") return { kind, params: { node_name: pack.name, node_ver: pack.version } };
  return { kind, params: { node_name: pack.name } };
}
