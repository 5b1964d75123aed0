/** Packs, what they want, and why a package is as it is. */

/** @typedef {{}} Seen */

/** @returns {Seen} */
export function newSeen() {
  return {};
}

/** @param {import("../ports.js").Ports} _ports @returns {import("../ports.js").Acts} */
export function packActs(_ports) {
  return {};
}
