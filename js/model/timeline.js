/** What was done and what is kept, as one row through time. Pure: values in, values out. */

/** @typedef {import("../wire.js").Transaction} Change */
/** @typedef {import("../wire.js").SnapshotSummary} Snapshot */

/**
 * One entry: a change with the snapshot taken before it, or a snapshot that stands alone.
 *
 * @typedef {{kind: "change", id: string, at: string, change: Change, snapshot: Snapshot | null}} ChangeEntry
 * @typedef {{kind: "snapshot", id: string, at: string, snapshot: Snapshot}} SnapshotEntry
 * @typedef {ChangeEntry | SnapshotEntry} Entry
 */

/** @typedef {{name: string, action: string, from: string, to: string}} Moved */

/** @typedef {"committed" | "rolled-back" | "waiting" | "open" | "damaged"} Standing */

/** @typedef {"new" | "up" | "down" | "replaced" | "changed" | "removed"} Sort */

/** @type {readonly Sort[]} */
export const SORTS = ["new", "up", "down", "replaced", "changed", "removed"];

/** @type {Record<string, Sort>} */
const SORT_OF = {
  install: "new",
  added: "new",
  upgrade: "up",
  downgrade: "down",
  replace: "replaced",
  remove: "removed",
  removed: "removed",
};

/**
 * Everything that was read, newest first. Where more is to be had of one of the two, entries older than what was read
 * of it wait until it is.
 *
 * @param {readonly Change[]} changes newest first
 * @param {readonly Snapshot[]} snapshots newest first
 * @param {{changes: boolean, snapshots: boolean}} more what there is more of than was read
 * @returns {Entry[]}
 */
export function timeline(changes, snapshots, more) {
  const byId = new Map(snapshots.map((each) => [each.id, each]));
  const owners = new Set(changes.map((each) => each.id));
  /** @type {Entry[]} */
  const entries = changes.map((change) => ({
    kind: "change",
    id: change.id,
    at: timeOf(change),
    change,
    snapshot: byId.get(change.snapshot) ?? null,
  }));
  const shown = new Set(changes.map((each) => each.snapshot));
  for (const snapshot of snapshots) {
    // One whose change was not read yet comes with it.
    const comesLater = snapshot.transaction !== "" && more.changes && !owners.has(snapshot.transaction);
    if (!shown.has(snapshot.id) && !comesLater) {
      entries.push({ kind: "snapshot", id: snapshot.id, at: snapshot.created, snapshot });
    }
  }
  const last = changes.at(-1);
  const ends = [more.changes && last ? timeOf(last) : "", (more.snapshots && snapshots.at(-1)?.created) || ""];
  const horizon = ends.reduce((latest, each) => (each > latest ? each : latest), "");
  return entries.filter((each) => each.at >= horizon).sort((a, b) => (a.at < b.at ? 1 : a.at > b.at ? -1 : 0));
}

/**
 * Entries by the day on which they happened, where the user is.
 *
 * @param {readonly Entry[]} entries
 * @returns {{day: string, at: string, entries: Entry[]}[]}
 */
export function byDay(entries) {
  /** @type {{day: string, at: string, entries: Entry[]}[]} */
  const days = [];
  for (const entry of entries) {
    const day = dayOf(entry.at);
    const last = days.at(-1);
    if (last?.day === day) last.entries.push(entry);
    else days.push({ day, at: entry.at, entries: [entry] });
  }
  return days;
}

/** The day of a time, where the user is, such as "2026-3-9"; empty for what is no time. @param {string} iso */
export function dayOf(iso) {
  const date = new Date(iso);
  return Number.isNaN(date.getTime()) ? "" : `${date.getFullYear()}-${date.getMonth() + 1}-${date.getDate()}`;
}

/** When it happened; of one whose journal cannot be read its id still tells. @param {Change} change */
function timeOf(change) {
  if (change.started) return change.started;
  const found = /^(\d{4})(\d\d)(\d\d)[T-]?(\d\d)(\d\d)(\d\d)/.exec(change.id);
  return found ? `${found[1]}-${found[2]}-${found[3]}T${found[4]}:${found[5]}:${found[6]}Z` : "";
}

/** How a change stands. @param {Change} change @returns {Standing} */
export function standingOf(change) {
  if (change.state === "committed" || change.state === "rolled-back") return change.state;
  if (change.problem && !change.state) return "damaged";
  return change.deferred ? "waiting" : "open";
}

/**
 * The changes that were committed and are not in force any more: somebody went back to before them since.
 *
 * @param {readonly Change[]} changes the newest ones, without a gap
 * @returns {Set<string>}
 */
export function takenBack(changes) {
  const committed = changes.filter((each) => each.state === "committed");
  committed.sort((a, b) => (a.ended < b.ended ? -1 : a.ended > b.ended ? 1 : 0));
  /** @type {Map<string, ReadonlySet<string>>} what was in force when a snapshot was taken */
  const then = new Map();
  /** @type {{at: string, force: ReadonlySet<string>}[]} */
  const past = [];
  /** @type {ReadonlySet<string>} */
  let force = new Set();
  for (const change of committed) {
    then.set(text(change.summary.snapshot) || change.snapshot, force);
    const target = text(change.summary.target);
    const base = target ? (then.get(target) ?? forceAt(past, target)) : force;
    force = new Set([...base, change.id]);
    past.push({ at: stamp(change.ended), force });
  }
  return new Set(committed.map((each) => each.id).filter((id) => !force.has(id)));
}

/** @param {readonly {at: string, force: ReadonlySet<string>}[]} past @param {string} snapshot */
function forceAt(past, snapshot) {
  const at = stamp(snapshot);
  return past.findLast((each) => each.at <= at)?.force ?? new Set();
}

/** The digits of a time or of an id that begins with one. @param {string} words */
function stamp(words) {
  return words.replace(/\D/g, "").slice(0, 14);
}

/**
 * What a change did, as a verb and the names it was done to; `verb` is empty where the words are as they came.
 *
 * @param {string} operation as the journal has it: "install a, b; update c", "rollback to <snapshot>", "sync"
 * @returns {{verb: "" | "install" | "update" | "fix" | "enable" | "disable" | "uninstall" | "repair" | "rollback" | "sync", names: string}[]}
 */
export function deedsOf(operation) {
  return operation.split("; ").map((part) => {
    const back = /^rollback (?:to|of) (\S+)/.exec(part);
    if (back) return { verb: "rollback", names: back[1] ?? "" };
    if (part === "sync") return { verb: "sync", names: "" };
    const found = /^(install|update|fix|enable|disable|uninstall|repair) (.+)$/.exec(part);
    return found
      ? { verb: /** @type {"install"} */ (found[1]), names: found[2] ?? "" }
      : { verb: "", names: part };
  });
}

/** The packages a change moved, as its summary tells. @param {Change} change @returns {Moved[]} */
export function packagesOf(change) {
  return rows(change.summary.changes);
}

/** The packs a change moved, as its summary tells. @param {Change} change @returns {Moved[]} */
export function packsOf(change) {
  return rows(change.summary.packs).filter((each) => each.name !== "");
}

/**
 * Which sort of change each is, and how many there are; sorts of which there are none are left out.
 *
 * @template {Moved} M
 * @param {readonly M[]} moved
 * @returns {{sort: Sort, items: M[]}[]}
 */
export function bySort(moved) {
  return SORTS.map((sort) => ({ sort, items: moved.filter((each) => sortOf(each) === sort) })).filter(
    ({ items }) => items.length > 0,
  );
}

/** @param {Moved} moved @returns {Sort} */
function sortOf({ action, from, to }) {
  const known = SORT_OF[action];
  if (known !== undefined) return known;
  // A rollback tells how something came back, not in which direction that was.
  if (from === "" && to !== "") return "new";
  return to === "" && from !== "" ? "removed" : "changed";
}

/**
 * Whether an entry has to do with what was typed: the name of a pack or a package, a label, a reason.
 *
 * @param {Entry} entry
 * @param {string} typed
 */
export function matches(entry, typed) {
  const wanted = plain(typed);
  if (wanted === "") return true;
  const words = entry.snapshot ? [entry.snapshot.label, entry.snapshot.reason] : [];
  if (entry.kind === "change") {
    const moved = [...packsOf(entry.change), ...packagesOf(entry.change)];
    words.push(entry.change.operation, ...moved.map((each) => each.name));
  }
  return words.some((each) => plain(each).includes(wanted));
}

/** @param {string} words */
function plain(words) {
  return words.trim().toLowerCase().replace(/[-_.\s]+/g, "-");
}

/** @param {unknown} value @returns {Moved[]} */
function rows(value) {
  const list = Array.isArray(value) ? value : [];
  return list.map((each) => ({ name: text(each?.name), action: text(each?.action), from: text(each?.from), to: text(each?.to) }));
}

/** @param {unknown} value */
function text(value) {
  return typeof value === "string" ? value : "";
}
