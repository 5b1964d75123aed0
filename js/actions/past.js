/** What was done, and going back. */

/** @typedef {{}} Past */

/** @returns {Past} */
export function newPast() {
  return {};
}

/** @param {import("../ports.js").Ports} _ports @returns {import("../ports.js").Acts} */
export function pastActs(_ports) {
  return {};
}
