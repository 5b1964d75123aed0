/** What happens on each act of the elements: the acts of every module of `actions/`, joined. */

import { faultOf } from "./api.js";
import { Jobs } from "./actions/jobs.js";
import { flowActs, newFlow } from "./actions/flow.js";
import { hostActs } from "./actions/host.js";
import { missingActs, newMissing } from "./actions/missing.js";
import { newSeen, packActs } from "./actions/packs.js";
import { newPast, pastActs } from "./actions/past.js";
import { newStanding, standingActs } from "./actions/standing.js";
import { nothing } from "./state.js";
import { Store } from "./store.js";

/** @typedef {import("./ports.js").Ports} Ports */
/** @typedef {import("./state.js").State} State */

/** @returns {State} */
function newState() {
  return {
    connection: "connecting",
    view: "install",
    open: false,
    status: nothing(),
    packs: nothing(),
    wishes: nothing(),
    jobs: {},
    said: "",
    locale: "en",
    flow: newFlow(),
    past: newPast(),
    seen: newSeen(),
    missing: newMissing(),
    standing: newStanding(),
  };
}

/**
 * Everything the panel works with. Nothing is asked of the server yet: `act("standing.refresh")` begins.
 *
 * @param {Pick<Ports, "api" | "host">} given
 * @returns {Ports}
 */
export function createController({ api, host }) {
  const store = new Store(newState());
  const jobs = new Jobs({ api, store });
  /** @type {Ports} */
  const ports = { api, host, store, jobs, act };
  /** @type {import("./ports.js").Acts} */
  const acts = {
    "panel.show": ({ view }) => store.set({ view }),
    "panel.say": ({ text }) => store.set({ said: text }),
    /** End a job while that is free; the server says when it is not. */
    "job.cancel": async ({ id }) => {
      await api.cancel(id);
    },
    ...standingActs(ports),
    ...flowActs(ports),
    ...pastActs(ports),
    ...packActs(ports),
    ...missingActs(ports),
    ...hostActs(ports),
  };

  /** @param {string} name @param {Record<string, unknown>} [detail] */
  async function act(name, detail = {}) {
    const answer = acts[name];
    if (answer === undefined) throw new Error(`There is no act ${name}.`);
    try {
      await answer(detail);
    } catch (error) {
      // Each module shows what it expects where it belongs; this is for what nobody expected.
      const fault = faultOf(error);
      host.toast("error", fault.message, (fault.hints ?? []).map((hint) => hint.text).join(" "));
      if (fault.code === "panel-error") console.error("Safe Install:", error);
    }
  }
  return ports;
}
