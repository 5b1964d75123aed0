/**
 * The conflict map: packs in rows, the packages they disagree on in columns, one cell where a pack wants a package. Pure.
 *
 * A package is contested when two or more (ComfyUI is one of them) ask for it by differing lines, or when a line for it
 * is not met; it is in conflict when a line for it is not met.
 */

import { CORE, folded, rank, worst } from "./wishes.js";

/** @typedef {import("../wire.js").WantedPackage} WantedPackage */
/** @typedef {import("../wire.js").WishStanding} WishStanding */
/** @typedef {import("./wishes.js").Outcome} Outcome */

/** @typedef {"conflicts" | "contested"} Which */
/** @typedef {"trouble" | "name"} Order */
/** @typedef {{row: number, column: number, outcome: Outcome, wishes: WishStanding[]}} Cell */
/** @typedef {{pack: string, broken: number, overruled: number, cells: Cell[]}} Row - cells from left to right */
/** @typedef {{package: WantedPackage, broken: number, overruled: number}} Column */
/** @typedef {{rows: Row[], columns: Column[], cells: Cell[], counts: Record<Outcome, number>}} Layout - cells row by row */
/** @typedef {{row: number, column: number}} Place */

/** Whether two or more ask for it differently, or a line for it is not met. @param {WantedPackage} each */
export function isContested(each) {
  const askers = new Set(each.wishes.map(({ pack }) => pack));
  return isInConflict(each) || (askers.size > 1 && new Set(each.wishes.map(termsOf)).size > 1);
}

/** Whether a line for it is not met. @param {WantedPackage} each */
export function isInConflict(each) {
  return each.wishes.some(({ outcome }) => outcome !== "met");
}

/**
 * How many packages are in conflict, and how many contested in all.
 *
 * @param {readonly WantedPackage[]} packages
 * @returns {Record<Which, number>}
 */
export function countContested(packages) {
  return { conflicts: packages.filter(isInConflict).length, contested: packages.filter(isContested).length };
}

/**
 * Who stands where. The same wishes give the same map, in whatever order they come.
 *
 * @param {readonly WantedPackage[]} packages
 * @param {{which: Which, order: Order}} how
 * @returns {Layout}
 */
export function layOut(packages, { which, order }) {
  const shown = packages.filter(which === "conflicts" ? isInConflict : isContested);
  const columns = shown.map((each) => ({ package: each, ...troubleOf(each.wishes) }));
  columns.sort(
    (a, b) =>
      (order === "trouble" && (moreTrouble(a, b) || b.package.wishes.length - a.package.wishes.length)) ||
      compare(a.package.name, b.package.name),
  );

  /** @type {Map<string, {column: number, wishes: WishStanding[]}[]>} */
  const byPack = new Map();
  columns.forEach((column, at) => {
    for (const [pack, wishes] of grouped(column.package.wishes)) {
      const cells = byPack.get(pack);
      if (cells) cells.push({ column: at, wishes });
      else byPack.set(pack, [{ column: at, wishes }]);
    }
  });
  const sorted = [...byPack].map(([pack, cells]) => ({ pack, cells, ...troubleOf(cells.flatMap(({ wishes }) => wishes)) }));
  sorted.sort((a, b) => coreFirst(a, b) || (order === "trouble" && moreTrouble(a, b)) || compare(a.pack, b.pack));

  const rows = sorted.map(({ cells, ...each }, row) => ({
    ...each,
    cells: cells.map(({ column, wishes }) => ({ row, column, wishes, outcome: worst(wishes) })),
  }));
  const cells = rows.flatMap((row) => row.cells);
  const counts = { met: 0, overruled: 0, broken: 0 };
  for (const { outcome } of cells) counts[outcome] += 1;
  return { rows, columns, cells, counts };
}

/**
 * Where a key leads from a cell; the same cell where it leads nowhere. Left and right stay in the row; up and down stay
 * in the column as long as it has cells there, then take the next row, so that every cell can be reached.
 *
 * @param {Layout} layout
 * @param {Place} from
 * @param {string} key as of KeyboardEvent; "Ctrl+Home" and "Ctrl+End" for the corners
 * @returns {Place}
 */
export function step(layout, from, key) {
  const row = layout.rows[from.row]?.cells ?? [];
  const at = row.findIndex(({ column }) => column === from.column);
  const inColumn = layout.cells.filter(({ column }) => column === from.column);
  const found = () => {
    switch (key) {
      case "ArrowRight":
        return row[at + 1];
      case "ArrowLeft":
        return row[at - 1];
      case "Home":
        return row[0];
      case "End":
        return row.at(-1);
      case "ArrowDown":
        return inColumn.find((cell) => cell.row > from.row) ?? nearest(layout, from.row + 1, from.column);
      case "ArrowUp":
        return inColumn.findLast((cell) => cell.row < from.row) ?? nearest(layout, from.row - 1, from.column);
      case "PageDown":
        return nearest(layout, from.row + 1, from.column);
      case "PageUp":
        return nearest(layout, from.row - 1, from.column);
      case "Ctrl+Home":
        return layout.cells[0];
      case "Ctrl+End":
        return layout.cells.at(-1);
      default:
        return undefined;
    }
  };
  const { row: toRow, column } = found() ?? from;
  return { row: toRow, column };
}

/**
 * A name that fits, with its middle left out: packs differ at their ends more often than at their beginnings.
 *
 * @param {string} name
 * @param {number} most characters
 */
export function shorten(name, most) {
  if (name.length <= most) return name;
  const head = Math.ceil((most - 1) / 2);
  return `${name.slice(0, head)}…${name.slice(name.length - (most - 1 - head))}`;
}

/** @param {Layout} layout @param {number} row @param {number} column */
function nearest(layout, row, column) {
  const cells = layout.rows[row]?.cells ?? [];
  const away = (/** @type {Cell} */ cell) => Math.abs(cell.column - column);
  return [...cells].sort((a, b) => away(a) - away(b))[0];
}

/** What a line asks: two spellings of the same are no disagreement. @param {WishStanding} wish */
function termsOf({ requirement }) {
  const bare = requirement.replace(/\s+#.*$/, "").replace(/\s+/g, "").toLowerCase();
  const [wanted = "", ...marker] = bare.split(";");
  const name = /^[a-z0-9][a-z0-9._-]*/.exec(wanted)?.[0] ?? "";
  const specifiers = wanted.slice(name.length).split(",").sort().join(",");
  return [folded(name), specifiers, ...marker].join(";");
}

/** @param {readonly WishStanding[]} wishes */
function troubleOf(wishes) {
  const count = (/** @type {Outcome} */ outcome) => wishes.filter((wish) => wish.outcome === outcome).length;
  return { broken: count("broken"), overruled: count("overruled") };
}

/** @param {readonly WishStanding[]} wishes @returns {Map<string, WishStanding[]>} the worst of a pack first */
function grouped(wishes) {
  /** @type {Map<string, WishStanding[]>} */
  const found = new Map();
  for (const wish of [...wishes].sort(worstFirst)) {
    const its = found.get(wish.pack);
    if (its) its.push(wish);
    else found.set(wish.pack, [wish]);
  }
  return found;
}

/** @param {WishStanding} a @param {WishStanding} b */
function worstFirst(a, b) {
  return (
    rank(a.outcome) - rank(b.outcome) ||
    compare(a.file, b.file) ||
    a.line - b.line ||
    compare(a.requirement, b.requirement)
  );
}

/** @typedef {{broken: number, overruled: number}} Trouble */

/** @param {Trouble} a @param {Trouble} b */
function moreTrouble(a, b) {
  return b.broken - a.broken || b.overruled - a.overruled;
}

/** @param {{pack: string}} a @param {{pack: string}} b */
function coreFirst(a, b) {
  return Number(b.pack === CORE) - Number(a.pack === CORE);
}

/** As people look a name up, and the same everywhere. @param {string} a @param {string} b */
function compare(a, b) {
  const [one, other] = [a.toLowerCase(), b.toLowerCase()];
  return one < other ? -1 : one > other ? 1 : a < b ? -1 : a > b ? 1 : 0;
}
