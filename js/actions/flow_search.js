/** Looking for packs in the Registry while the user types. */

import { faultOf } from "../api.js";
import { recognise } from "../model/source.js";
import { failed, loading, nothing, ready } from "../state.js";
import { t } from "../words.js";
import { newFound } from "./flow_found.js";

/** @typedef {import("./flow_found.js").Found} Found */

/** Milliseconds without a key until the Registry is asked. */
const PAUSE = 300;

/** @param {import("../ports.js").Ports} ports @returns {import("../ports.js").Acts} */
export function searchActs({ api, store }) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  /** Answers to what is not looked for any more are passed over. */
  let turn = 0;

  /** @param {Partial<Found>} change */
  const set = (change) => store.set(({ flow }) => ({ flow: { ...flow, found: { ...flow.found, ...change } } }));

  /** @param {string} text @param {number} page */
  const search = async (text, page) => {
    turn += 1;
    const mine = turn;
    set(page === 1 ? { ...newFound(), phase: "loading", text } : { phase: "loading", fault: null });
    try {
      const answer = await api.search(text, page);
      if (mine !== turn) return;
      const { packs } = store.value.flow.found;
      // A pack may have moved from one page to the next in between.
      const known = new Set(packs.map(({ id }) => id));
      set({
        phase: "ready",
        packs: [...packs, ...answer.packs.filter(({ id }) => !known.has(id))],
        total: answer.total,
        page: answer.page,
        pages: answer.pages,
        findings: answer.findings,
      });
      store.set({ said: t("flow.said.found", { count: answer.total }) });
    } catch (error) {
      if (mine === turn) set({ phase: "failed", fault: faultOf(error) });
    }
  };

  /** @param {string} text */
  const wanted = (text) => {
    const { kind, name } = recognise(text);
    return kind === "words" && name.length > 1 ? name.slice(0, 200) : "";
  };

  return {
    /** The box holds this now. {text} */
    "flow.type": ({ text }) => {
      store.set(({ flow }) => ({ flow: { ...flow, text } }));
      clearTimeout(timer);
      const words = wanted(text);
      if (words === "") {
        turn += 1;
        set(newFound());
      } else if (words !== store.value.flow.found.text) timer = setTimeout(() => search(words, 1), PAUSE);
    },

    /** Look now. */
    "flow.search": () => {
      clearTimeout(timer);
      const words = wanted(store.value.flow.text);
      return words === "" ? undefined : search(words, 1);
    },

    /** The next page. */
    "flow.search.more": () => {
      const { text, page } = store.value.flow.found;
      return search(text, page + 1);
    },

    /** Which versions a pack has, and what is to be told of them. {id} */
    "flow.versions": async ({ id }) => {
      const before = store.value.flow.found.details[id];
      if (before && before.phase !== "failed") return;
      /** @param {import("../state.js").Loadable<import("../wire.js").RegistryPackDetail>} detail */
      const put = (detail) => set({ details: { ...store.value.flow.found.details, [id]: detail } });
      put(loading(nothing()));
      try {
        put(ready(await api.registryPack(id)));
      } catch (error) {
        put(failed(nothing(), faultOf(error)));
      }
    },

    /** This version is to be installed. {id, version} */
    "flow.version": ({ id, version }) => set({ versions: { ...store.value.flow.found.versions, [id]: version } }),
  };
}
