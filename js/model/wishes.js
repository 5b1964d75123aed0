/** What the packs want of each package, seen by pack, and by package. Pure. */

/** @typedef {import("../wire.js").WantedPackage} WantedPackage */
/** @typedef {import("../wire.js").WishStanding} WishStanding */
/** @typedef {import("../wire.js").Why} Why */
/** @typedef {WishStanding["outcome"]} Outcome */

/** ComfyUI's own requirement lines are told under this name. */
export const CORE = "ComfyUI";

/**
 * One requirement line of a pack, with what is known of the package it asks for.
 *
 * @typedef {{package: WantedPackage, wish: WishStanding, others: WishStanding[]}} Line
 */

/** @typedef {Record<Outcome, number>} Tally */

const WORST = /** @type {const} */ (["broken", "overruled", "met"]);

/** How bad an outcome is: 0 for the worst. @param {Outcome} outcome */
export function rank(outcome) {
  return WORST.indexOf(outcome);
}

/** The worst of them; met where there are none. @param {readonly {outcome: Outcome}[]} wishes @returns {Outcome} */
export function worst(wishes) {
  return WORST.find((outcome) => wishes.some((wish) => wish.outcome === outcome)) ?? "met";
}

/**
 * The lines of every pack, those not met first, then as they stand in its files.
 *
 * @param {readonly WantedPackage[]} packages
 * @returns {Map<string, Line[]>}
 */
export function linesByPack(packages) {
  /** @type {Map<string, Line[]>} */
  const found = new Map();
  for (const each of packages) {
    for (const wish of each.wishes) {
      const line = { package: each, wish, others: each.wishes.filter((other) => other.pack !== wish.pack) };
      const lines = found.get(wish.pack);
      if (lines) lines.push(line);
      else found.set(wish.pack, [line]);
    }
  }
  for (const lines of found.values()) lines.sort(byTroubleThenPlace);
  return found;
}

/** How many lines of each outcome. @param {readonly Line[]} lines @returns {Tally} */
export function tally(lines) {
  const counts = { met: 0, overruled: 0, broken: 0 };
  for (const { wish } of lines) counts[wish.outcome] += 1;
  return counts;
}

/** A package's name as indexes compare it (PEP 503). @param {string} name */
export function folded(name) {
  return name.trim().toLowerCase().replace(/[-_.]+/g, "-");
}

/**
 * The wishes of the answer to "why", each with its outcome. A library's own requirement, which no pack wrote, is not in
 * `packages`: it is met or broken.
 *
 * @param {Why} why
 * @param {readonly WantedPackage[]} packages
 * @returns {{packs: WishStanding[], libraries: WishStanding[]}}
 */
export function wishesOf(why, packages) {
  /** @type {Map<string, WishStanding>} */
  const known = new Map();
  for (const each of packages) for (const wish of each.wishes) known.set(placeOf(wish), wish);
  /** @type {WishStanding[]} */
  const packs = [];
  /** @type {WishStanding[]} */
  const libraries = [];
  for (const wish of why.wishes) {
    const standing = known.get(placeOf(wish)) ?? { ...wish, outcome: wish.met ? "met" : "broken", rule: "", reason: "" };
    (wish.file === "" && wish.pack.includes("==") ? libraries : packs).push(standing);
  }
  const sorted = (/** @type {WishStanding[]} */ wishes) => wishes.sort((a, b) => rank(a.outcome) - rank(b.outcome));
  return { packs: sorted(packs), libraries: sorted(libraries) };
}

/**
 * A line's place, to tell it from every other.
 *
 * @param {{pack: string, requirement: string, file: string, line: number}} wish
 */
export function placeOf({ pack, requirement, file, line }) {
  return JSON.stringify([pack, requirement, file, line]);
}

/** File and line as editors write it; empty where it stands in no file. @param {{file: string, line: number}} wish */
export function fileAndLine({ file, line }) {
  return file && line ? `${file}:${line}` : file;
}

/** @param {Line} a @param {Line} b */
function byTroubleThenPlace(a, b) {
  const [one, other] = [a.wish.file, b.wish.file];
  return rank(a.wish.outcome) - rank(b.wish.outcome) || (one < other ? -1 : one > other ? 1 : a.wish.line - b.wish.line);
}
