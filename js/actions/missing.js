/** Packs the open workflow lacks. */

/** @typedef {{}} MissingHere */

/** @returns {MissingHere} */
export function newMissing() {
  return {};
}

/** @param {import("../ports.js").Ports} _ports @returns {import("../ports.js").Acts} */
export function missingActs(_ports) {
  return {};
}
