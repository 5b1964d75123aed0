/** A plan, sorted for people: what changes, what clashes, what needs a yes. Pure; the words are the components'. */

/** @typedef {import("../wire.js").Plan} Plan */
/** @typedef {import("../wire.js").ChangePlan} ChangePlan */
/** @typedef {import("../wire.js").Change} Change */
/** @typedef {import("../wire.js").Decision} Decision */
/** @typedef {import("../wire.js").Finding} Finding */
/** @typedef {import("../wire.js").Wish} Wish */

/** What runs a pack's own code or widens trust, in the order in which it is asked. */
export const KINDS = /** @type {const} */ (["flagged", "urls", "indexes", "builds", "install-py"]);

/** @typedef {typeof KINDS[number]} Kind */

const ALLOWS = "allow-";
/** Actions of a distribution, and the group each is shown in. */
const GROUPS = /** @type {const} */ ([
  ["install", "new"],
  ["upgrade", "up"],
  ["downgrade", "down"],
  ["replace", "replaced"],
  ["remove", "removed"],
]);
/** Actions of packs in the order of the headline. */
const PACK_ACTIONS = ["add", "replace", "enable", "disable", "remove"];

/**
 * The parts of the headline, none of which is zero: packs by action, packages, bytes.
 *
 * @param {ChangePlan} change
 * @returns {{what: string, count: number}[]}
 */
export function headline(change) {
  const packs = PACK_ACTIONS.map((action) => ({
    what: action,
    count: change.pack_changes.filter((each) => each.action === action).length,
  }));
  return [
    ...packs,
    { what: "packages", count: change.changes.length },
    { what: "download", count: change.download_bytes },
  ].filter(({ count }) => count > 0);
}

/**
 * The distributions that change, by what happens to them; empty groups are left out, what is not known comes last.
 *
 * @param {ChangePlan} change
 * @returns {{group: string, changes: Change[]}[]}
 */
export function groups({ changes }) {
  const known = new Set(GROUPS.map(([action]) => /** @type {string} */ (action)));
  return [
    ...GROUPS.map(([action, group]) => ({ group, changes: changes.filter((each) => each.action === action) })),
    { group: "replaced", changes: changes.filter((each) => !known.has(each.action)) },
  ].filter((each) => each.changes.length > 0);
}

/** How many distributions stay as they are. @param {ChangePlan} change */
export function untouched({ lock, changes }) {
  const changing = new Set(changes.map(({ name }) => name));
  return Object.keys(lock).filter((name) => !changing.has(name)).length;
}

/**
 * The decisions that cost somebody something or could be another, those against somebody's line first; and the rest.
 *
 * @param {ChangePlan} change
 */
export function conflicts({ decisions }) {
  const contested = decisions.filter((each) => each.violates.length > 0 || each.alternatives.length > 0);
  return {
    contested: contested.sort((a, b) => Number(b.violates.length > 0) - Number(a.violates.length > 0)),
    settled: decisions.filter((each) => !contested.includes(each)),
  };
}

/**
 * Every wish of a conflict once, and whether the choice meets it; those that are broken first.
 *
 * @param {Decision} decision
 * @returns {(Wish & {met: boolean})[]}
 */
export function wishes({ wanted, violates }) {
  const broken = new Set(violates.map(wishKey));
  /** @type {Map<string, Wish>} */
  const all = new Map([...violates, ...wanted].map((wish) => [wishKey(wish), wish]));
  return [...all].map(([key, wish]) => ({ ...wish, met: !broken.has(key) }));
}

/** Packages for which the user has chosen whom to follow, and that brought this decision about. @param {Decision} decision */
export function chosenFor({ rule, follows, package: name }) {
  const names = Object.keys(follows);
  return names.length > 0 || rule !== "your-choice" ? names : [name];
}

/**
 * What the user has to say yes to, item by item. The same decision has the same key in the next plan, so that a yes
 * to it stays.
 *
 * @param {Plan} plan
 * @returns {{key: string, decision: Decision | null, reason: string}[]}
 */
export function consents(plan) {
  if (plan.needs_consent.length === 0) return [];
  const against = (plan.change?.decisions ?? []).filter((each) => each.violates.length > 0);
  if (against.length === 0) return plan.needs_consent.map((reason) => ({ key: reason, decision: null, reason }));
  return against.map((decision) => {
    const { package: name, chosen, violates } = decision;
    return { key: [name, chosen, ...violates.map(wishKey)].join("\n"), decision, reason: decision.reason };
  });
}

/** Whether all of it has a yes and nothing forbids it. @param {Plan} plan @param {readonly string[]} agreed */
export function canBeApplied(plan, agreed) {
  return !plan.refused && !plan.empty && consents(plan).every(({ key }) => agreed.includes(key));
}

/**
 * What may be allowed on top, each with the findings that ask for it; `needed` where the plan is refused without.
 * `before` are those of the plans before: what was allowed is not asked for any more, but still to be seen.
 *
 * @typedef {{kind: Kind, needed: boolean, by: Finding[]}} Allowance
 * @param {ChangePlan} change
 * @param {readonly string[]} allow
 * @param {readonly Allowance[]} before
 * @returns {Allowance[]}
 */
export function allowances({ findings, refusals }, allow, before) {
  return KINDS.flatMap((kind) => {
    const refused = refusals.filter((each) => answeredBy(each) === kind);
    const by = [...refused, ...findings.filter((each) => answeredBy(each) === kind)];
    if (by.length > 0) return [{ kind, needed: refused.length > 0, by }];
    const earlier = before.find((each) => each.kind === kind);
    return allow.includes(kind) ? [earlier ?? { kind, needed: false, by: [] }] : [];
  });
}

/**
 * The same where there is no plan at all, since the fault is about what may be allowed.
 *
 * @param {import("../wire.js").Fault | null} fault
 * @param {readonly Allowance[]} before
 * @returns {Allowance[]}
 */
export function asksOf(fault, before) {
  const kind = fault && answeredBy(fault);
  if (!fault || !kind) return [...before];
  const by = [{ code: fault.code, pack: "", file: "", line: 0, message: fault.message, hints: fault.hints }];
  return [...before.filter((each) => each.kind !== kind), { kind, needed: true, by }];
}

/** Which of the KINDS would answer it; null where none would. @param {Pick<Finding, "hints">} finding @returns {Kind | null} */
export function answeredBy({ hints }) {
  return KINDS.find((kind) => hints.some(({ code }) => code === `${ALLOWS}${kind}`)) ?? null;
}

/** Findings that no allowance is about: those are shown where it is asked for. @param {readonly Finding[]} findings */
export function plainFindings(findings) {
  return findings.filter((each) => answeredBy(each) === null);
}

/** What to do, but for what the checkboxes do. @param {Pick<Finding, "hints">} finding */
export function hintsOf({ hints }) {
  return hints.filter(({ code }) => !code.startsWith(ALLOWS) && code !== "no-action");
}

/**
 * The packs some of whose lines could not be taken, each with what is told of it. What was so before the plan, and is
 * left alone, is no matter of it.
 *
 * @param {ChangePlan} change
 * @returns {{name: string, status: string, findings: Finding[]}[]}
 */
export function troubled({ packs, findings }) {
  return packs.flatMap(({ name, status, reason }) => {
    const codes = reason.split(", ").filter((code) => code !== "already-unsatisfied");
    if (status === "ok" || codes.join("") === "") return [];
    return [{ name, status, findings: findings.filter((each) => each.pack === name && codes.includes(each.code)) }];
  });
}

/**
 * Findings by their code, the most urgent order being the server's.
 *
 * @param {readonly Finding[]} findings
 * @returns {{code: string, findings: Finding[]}[]}
 */
export function byCode(findings) {
  /** @type {Map<string, Finding[]>} */
  const found = new Map();
  for (const finding of findings) found.set(finding.code, [...(found.get(finding.code) ?? []), finding]);
  return [...found].map(([code, group]) => ({ code, findings: group }));
}

/** @param {Wish} wish */
function wishKey({ pack, requirement }) {
  return `${pack}\t${requirement}`;
}
