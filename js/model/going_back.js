/** What going back takes, in an order people can read. Pure. */

/** @typedef {import("../wire.js").Plan} Plan */
/** @typedef {import("../wire.js").Restoration} Restoration */

/** @typedef {"not-restorable" | "same-version" | "exact" | "remove"} How */
/** @typedef {"pack" | "distribution" | "file"} Kind */

/** What is worst comes first. @type {readonly How[]} */
export const HOWS = ["not-restorable", "same-version", "exact", "remove"];

/** @type {readonly Kind[]} */
const KINDS = ["pack", "distribution", "file"];

/**
 * Everything that differs, by how it comes back; each with its packs first, then packages, then files.
 *
 * @param {readonly Restoration[]} items
 * @returns {{how: How, items: Restoration[], counts: {kind: Kind, count: number}[]}[]}
 */
export function byHow(items) {
  return HOWS.map((how) => {
    const found = items.filter((each) => each.how === how);
    const sorted = KINDS.flatMap((kind) => found.filter((each) => each.kind === kind));
    const counts = KINDS.map((kind) => ({ kind, count: found.filter((each) => each.kind === kind).length }));
    return { how, items: sorted, counts: counts.filter(({ count }) => count > 0) };
  }).filter((each) => each.items.length > 0);
}

/**
 * What needs a yes, each as a code with its values; a code is empty where only the server has words for it.
 *
 * @param {Plan} plan
 * @returns {{code: "lost" | "same" | "packs" | "", count: number, names: string, words: string}[]}
 */
export function consentsOf(plan) {
  const items = plan.rollback?.items ?? [];
  const lost = items.filter((each) => each.how === "not-restorable").length;
  const same = items.filter((each) => each.how === "same-version").length;
  const packs = items.filter((each) => each.kind === "pack" && each.how === "remove").map((each) => each.name);
  /** @type {{code: "lost" | "same" | "packs", count: number, names: string}[]} */
  const known = [];
  if (lost > 0) known.push({ code: "lost", count: lost, names: "" });
  if (same > 0) known.push({ code: "same", count: same, names: "" });
  if (packs.length > 0) known.push({ code: "packs", count: packs.length, names: packs.join(", ") });
  const asked = plan.needs_consent;
  // The server asks in this order; should it ever ask for something else, its own words are shown.
  return asked.map((words, at) => {
    const fits = known.length === asked.length ? known[at] : undefined;
    return fits ? { ...fits, words } : { code: "", count: 0, names: "", words };
  });
}

/** Whether there is nothing that could be done: all is as it was. @param {Plan} plan */
export function isThereAlready(plan) {
  return plan.empty && (plan.rollback?.items.length ?? 0) === 0;
}
