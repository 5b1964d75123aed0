/** The last snapshots and the packs, read ahead: the right-click menus are drawn at once and must not ask the server. */

import { faultOf } from "../api.js";
import { OFFERED } from "../model/menu.js";

/**
 * @typedef {object} Known
 * @property {boolean} ready whether they were read at all
 * @property {readonly import("../wire.js").SnapshotSummary[]} snapshots newest first
 * @property {readonly import("../wire.js").InstalledPack[]} packs
 * @property {import("../wire.js").Fault | null} fault why they are not what they should be
 */

/** Milliseconds after the page came up, or after the last of several changes, until they are read. */
const CALM = 800;
/** Work that leaves both as they are. */
const LEAVES_ALL = new Set(["plan", "missing"]);

/** @returns {Known} */
export function newKnown() {
  return { ready: false, snapshots: [], packs: [], fault: null };
}

/**
 * Read them now, and again whenever they may have changed.
 *
 * @param {import("../ports.js").Ports} ports
 * @param {(change: {known: Known}) => void} set
 */
export function watchKnown({ api, store, host, jobs }, set) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const soon = () => {
    clearTimeout(timer);
    timer = setTimeout(() => void read(), CALM);
  };

  async function read() {
    try {
      const [snapshots, packs] = await Promise.all([api.snapshots(OFFERED), api.packs()]);
      set({ known: { ready: true, snapshots: snapshots.snapshots, packs: packs.packs, fault: null } });
    } catch (error) {
      const fault = faultOf(error);
      // Being offline is said already; it is read again when that is over.
      if (fault.code !== "server-unreachable") set({ known: { ...store.value.standing.known, fault } });
    }
  }

  let online = store.value.connection === "online";
  store.subscribe(({ connection }) => {
    if (connection === "online" && !online) soon();
    online = connection === "online";
  });
  jobs.onEnd((job) => !LEAVES_ALL.has(job.kind) && soon());
  host.onEvent("safe_install.changed", ({ what }) => what === "snapshots" && soon());
}
