/** What the Registry was asked while looking for packs. */

/** @typedef {import("../wire.js").RegistryPack} RegistryPack */
/** @typedef {import("../wire.js").RegistryPackDetail} RegistryPackDetail */

/**
 * @typedef {object} Found
 * @property {"none" | "loading" | "ready" | "failed"} phase
 * @property {string} text what was looked for
 * @property {readonly RegistryPack[]} packs
 * @property {number} total
 * @property {number} page the last that is here; 0 before the first
 * @property {number} pages
 * @property {readonly import("../wire.js").Finding[]} findings such as that the Registry is not reached and this is from earlier
 * @property {import("../wire.js").Fault | null} fault
 * @property {Readonly<Record<string, import("../state.js").Loadable<RegistryPackDetail>>>} details versions of packs, by id
 * @property {Readonly<Record<string, string>>} versions the version chosen, by id; the newest where there is none
 */

/** @returns {Found} */
export function newFound() {
  return {
    phase: "none",
    text: "",
    packs: [],
    total: 0,
    page: 0,
    pages: 0,
    findings: [],
    fault: null,
    details: {},
    versions: {},
  };
}
