/** The one flow: what, plan, progress, done. */

/** @typedef {{step: "what" | "planning" | "plan" | "progress" | "done" | "failed"}} Flow */

/** @returns {Flow} */
export function newFlow() {
  return { step: "what" };
}

/** @param {import("../ports.js").Ports} _ports @returns {import("../ports.js").Acts} */
export function flowActs(_ports) {
  return {};
}
