/** How many things need the user: the number on our tab in the sidebar. Pure. */

import { notices } from "./standing.js";

/** @typedef {import("../wire.js").InstalledPack} InstalledPack */

/**
 * @typedef {import("./standing.js").Given & {
 *   packs: {value: {packs: readonly InstalledPack[]} | null},
 *   missing: import("../actions/missing.js").MissingHere,
 * }} Given
 */

/**
 * What needs the user: notices that count, packs that did not load, packs the open workflow lacks.
 *
 * @param {Given} given
 * @param {number} now milliseconds since 1970
 */
export function attention(given, now) {
  // What was known before the connection broke may be wrong by now; its return is waited for, nothing else.
  if (given.connection === "restarting") return 0;
  if (given.connection === "offline") return 1;
  const told = notices(given, now).filter(({ counts }) => counts).length;
  const unreachable = given.status.fault && given.status.value === null ? 1 : 0;
  const packs = given.packs.value?.packs ?? given.standing.known.packs;
  const failed = packs.filter(({ state }) => state === "failed").length;
  return told + unreachable + failed + lacking(given.missing);
}

/** How many packs the open workflow lacks, as far as the user has not put that away. @param {import("../actions/missing.js").MissingHere} missing */
export function lacking({ found, dismissed }) {
  if (found === null || dismissed) return 0;
  const settled = new Set([...found.packs.flatMap(({ types }) => types), ...found.choices.flatMap(({ types }) => types)]);
  const others = found.types.filter(({ missing, name }) => missing && !settled.has(name)).length;
  return found.packs.length + found.choices.length + (others > 0 ? 1 : 0);
}

/** What stands on the badge; null for none. @param {number} count */
export function badge(count) {
  if (count <= 0) return null;
  return count > 99 ? "99+" : String(count);
}
