/** What was done and what is kept, in words. No element; used by those of the history. */

import { h } from "../dom.js";
import { ago, moment } from "../model/format.js";
import { bySort, deedsOf } from "../model/timeline.js";
import { named, spoken, t } from "../words.js";

/** @typedef {import("../wire.js").Transaction} Change */
/** @typedef {import("../wire.js").SnapshotSummary} Snapshot */
/** @typedef {ReadonlyMap<string, Snapshot>} Known - snapshots that were read, by id */

/**
 * What a change does, such as "Installed a, b".
 *
 * @param {string} operation as the journal has it
 * @param {Known} known
 */
export function deedWords(operation, known) {
  return deedsOf(operation)
    .map(({ verb, names }) => {
      if (verb === "") return names || t("past.did.unknown");
      if (verb !== "rollback") return t(`past.did.${verb}`, { names });
      const snapshot = known.get(names);
      return t("past.did.rollback", { names: snapshot ? snapshotName(snapshot, known) : timeInId(names) });
    })
    .join("; ");
}

/**
 * What a snapshot is called: its label, else why it was taken.
 *
 * @param {Snapshot} snapshot
 * @param {Known} known
 * @returns {string}
 */
export function snapshotName(snapshot, known) {
  return snapshot.label === "" ? reasonWords(snapshot, known) : t("past.labelled", { label: snapshot.label });
}

/**
 * Why a snapshot was taken.
 *
 * @param {Snapshot} snapshot
 * @param {Known} known
 * @returns {string}
 */
export function reasonWords({ id, reason }, known) {
  if (reason === "by hand") return t("past.reason.by-hand");
  if (reason === "drift") return t("past.reason.drift");
  if (reason === "as accepted" || reason === "as first seen") return t("past.reason.as-found");
  const found = /^(before|as left by) (.+)$/.exec(reason);
  if (!found) return reason;
  // The state before a rollback may be what a rollback goes back to: no further than one step is told.
  const rest = new Map([...known].filter(([each]) => each !== id && !/rollback/.test(known.get(each)?.reason ?? "")));
  const what = deedWords(found[2] ?? "", rest);
  return found[1] === "before" ? t("past.reason.before", { what }) : t("past.reason.left", { what });
}

/** "now" or a snapshot, in words. @param {string} id @param {Known} known */
export function sideName(id, known) {
  if (id === "now") return t("past.now");
  const snapshot = known.get(id);
  return snapshot ? snapshotName(snapshot, known) : timeInId(id);
}

/** The time an id begins with, in full; the id where it has none. @param {string} id */
export function timeInId(id) {
  const found = /^(\d{4})-?(\d\d)-?(\d\d)[T-]?(\d\d)-?(\d\d)-?(\d\d)/.exec(id);
  return found ? moment(`${found[1]}-${found[2]}-${found[3]}T${found[4]}:${found[5]}:${found[6]}Z`, spoken()) : id;
}

/** How long ago; the exact time on demand. @param {string} iso */
export function when(iso) {
  if (iso === "") return null;
  return h("time", { class: "si-muted si-small", datetime: iso, title: moment(iso, spoken()) }, ago(iso, Date.now(), spoken()));
}

/** How many packages came, went up, and so on, as small tags. @param {readonly import("../model/timeline.js").Moved[]} moved */
export function countTags(moved) {
  return bySort(moved).map(({ sort, items }) => h("span", { class: "si-tag" }, t(`past.count.${sort}`, { count: items.length })));
}

/**
 * What changed, as lists that are folded.
 *
 * @param {readonly import("../model/timeline.js").Moved[]} moved
 * @param {boolean} [open]
 */
export function movedLists(moved, open = false) {
  return bySort(moved).map(({ sort, items }) =>
    h(
      "details",
      { key: sort, open },
      h("summary", null, t(`past.count.${sort}`, { count: items.length })),
      h("ul", null, items.map((each) => h("li", null, each.name, " ", h("span", { class: "si-muted" }, fromTo(each))))),
    ),
  );
}

/** @param {{from: string, to: string, action?: string}} moved */
export function fromTo({ from, to, action = "" }) {
  if (from !== "" && to !== "") return from === to ? `${to} (${named("past.same.", action)})` : `${from} → ${to}`;
  return from || to;
}

/** A sign beside words. @param {string} name of the host's icons */
export function icon(name) {
  return h("span", { class: `pi ${name}`, "aria-hidden": "true" });
}

/** Tells buttons of the same words apart for who does not see where they are. @param {string} name */
export function unseen(name) {
  return h("span", { class: "si-unseen" }, `: ${name}`);
}
