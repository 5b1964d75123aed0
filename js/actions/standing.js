/** How things stand: the server's status, the connection, restarting. */

import { faultOf } from "../api.js";
import { failed, loading, ready } from "../state.js";

/** @typedef {import("../ports.js").Ports} Ports */

/**
 * @param {Ports} ports
 * @returns {import("../ports.js").Acts}
 */
export function standingActs({ api, store, jobs }) {
  return {
    /** Ask how things stand. */
    "standing.refresh": async () => {
      store.set(({ status }) => ({ status: loading(status) }));
      try {
        const status = await api.status();
        store.set({ status: ready(status), connection: "online" });
        jobs.settle(status.jobs);
      } catch (error) {
        store.set(({ status }) => ({ status: failed(status, faultOf(error)) }));
      }
    },
  };
}
