/**
 * What the panel is drawn from. Each part belongs to one module of `actions/`, which alone changes it.
 *
 * @typedef {import("./wire.js").Fault} Fault
 * @typedef {import("./wire.js").Status} Status
 * @typedef {import("./wire.js").Packs} Packs
 * @typedef {import("./wire.js").Wishes} Wishes
 * @typedef {import("./wire.js").Job} Job
 * @typedef {import("./wire.js").JobSummary} JobSummary
 */

/**
 * Something that has to be fetched: the last value stays while it is fetched anew, and when that fails.
 *
 * @template T
 * @typedef {{phase: "none" | "loading" | "ready" | "failed", value: T | null, fault: Fault | null}} Loadable
 */

/**
 * How the page stands with the server.
 * @typedef {"connecting" | "online" | "offline" | "restarting"} Connection
 */

/** @typedef {"install" | "history" | "packs" | "map"} View */

/**
 * @typedef {object} State
 * @property {Connection} connection
 * @property {View} view which of the tabs is shown
 * @property {boolean} open whether the panel is on the page
 * @property {Loadable<Status>} status
 * @property {Loadable<Packs>} packs
 * @property {Loadable<Wishes>} wishes
 * @property {Record<string, Job | JobSummary>} jobs those heard of, by id; a summary where another page asked
 * @property {string} said what a screen reader is told next
 * @property {string} locale
 * @property {import("./actions/flow.js").Flow} flow
 * @property {import("./actions/past.js").Past} past
 * @property {import("./actions/packs.js").Seen} seen
 * @property {import("./actions/missing.js").MissingHere} missing
 * @property {import("./actions/standing.js").Standing} standing
 */

/**
 * Nothing fetched yet.
 *
 * @template T
 * @returns {Loadable<T>}
 */
export function nothing() {
  return { phase: "none", value: null, fault: null };
}

/**
 * It is being fetched; what was known stays.
 *
 * @template T
 * @param {Loadable<T>} before
 * @returns {Loadable<T>}
 */
export function loading(before) {
  return { phase: "loading", value: before.value, fault: null };
}

/**
 * Here it is.
 *
 * @template T
 * @param {T} value
 * @returns {Loadable<T>}
 */
export function ready(value) {
  return { phase: "ready", value, fault: null };
}

/**
 * It did not come; what was known stays.
 *
 * @template T
 * @param {Loadable<T>} before
 * @param {Fault} fault
 * @returns {Loadable<T>}
 */
export function failed(before, fault) {
  return { phase: "failed", value: before.value, fault };
}
