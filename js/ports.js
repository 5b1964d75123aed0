/**
 * What the modules of `actions/` are given.
 *
 * @typedef {typeof import("./comfy.js")} Host
 *
 * @typedef {object} Ports
 * @property {import("./api.js").Api} api
 * @property {import("./store.js").Store<import("./state.js").State>} store
 * @property {Host} host
 * @property {import("./actions/jobs.js").Jobs} jobs
 * @property {(name: string, detail?: Record<string, unknown>) => Promise<void>} act answers an act, as if an element had asked for it
 *
 * @typedef {Record<string, (detail: any) => void | Promise<void>>} Acts
 */

export {};
