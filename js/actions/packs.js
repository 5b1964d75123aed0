/** Packs, what they want, and why a package is as it is. */

import { faultOf } from "../api.js";
import { taskOf } from "../model/pack_list.js";
import { folded } from "../model/wishes.js";
import { failed, loading, nothing, ready } from "../state.js";

/** @typedef {import("../model/conflict_map.js").Which} Which */
/** @typedef {import("../model/conflict_map.js").Order} Order */
/** @typedef {import("../model/pack_list.js").Sort} Sort */
/** @typedef {import("../model/pack_list.js").Deed} Deed */
/** @typedef {import("../wire.js").InstalledPack} InstalledPack */

/**
 * A package somebody asked about. `mark`: the one wish that was pointed at, as `placeOf` tells it.
 * @typedef {{package: string, mark: string, answer: import("../state.js").Loadable<import("../wire.js").Why>}} Asked
 */

/** How the conflict map is looked at; an empty `which` shows the conflicts where there are any. @typedef {{which: Which | "", order: Order, table: boolean, enlarged: boolean}} MapLook */

/**
 * @typedef {object} Seen
 * @property {string} typed what the list of packs is filtered by
 * @property {Sort | ""} sort
 * @property {Record<string, boolean>} open the packs that are opened, by path
 * @property {string} target the pack to go to once it is there
 * @property {Asked | null} why
 * @property {MapLook} map
 */

/** Work that changes no pack and no package. */
const LEAVES_ALL = new Set(["plan", "snapshot", "missing"]);

/** @returns {Seen} */
export function newSeen() {
  return {
    typed: "",
    sort: "",
    open: {},
    target: "",
    why: null,
    map: { which: "", order: "trouble", table: false, enlarged: false },
  };
}

/** @param {import("../ports.js").Ports} ports @returns {import("../ports.js").Acts} */
export function packActs(ports) {
  const { api, store, host, jobs, act } = ports;
  // Answers overtake each other; only the one asked for last counts.
  const last = { packs: 0, wishes: 0, why: 0 };
  /** @param {(seen: Seen) => Partial<Seen>} change */
  const see = (change) => store.set(({ seen }) => ({ seen: { ...seen, ...change(seen) } }));

  /** @param {"packs" | "wishes"} name */
  async function load(name) {
    const mine = ++last[name];
    /** @param {(before: import("../state.js").Loadable<any>) => import("../state.js").Loadable<any>} change */
    const put = (change) => mine === last[name] && store.set((state) => ({ [name]: change(state[name]) }));
    put(loading);
    try {
      const value = await api[name]();
      // The same again stays the same object, and is not drawn again.
      put((before) => ready(JSON.stringify(value) === JSON.stringify(before.value) ? before.value : value));
    } catch (error) {
      put((before) => failed(before, faultOf(error)));
    }
  }

  /** Again what was read already. */
  async function reload() {
    const { packs, wishes } = store.value;
    await Promise.all([packs.phase !== "none" && load("packs"), wishes.phase !== "none" && load("wishes")]);
  }

  jobs.onEnd((job) => {
    if (!LEAVES_ALL.has(job.kind)) void reload();
  });

  return {
    /** Read what is installed and what it wants. */
    "packs.load": async () => {
      await Promise.all([load("packs"), load("wishes")]);
    },
    /** Read what is wanted. */
    "packs.loadWishes": () => load("wishes"),
    /** @param {Partial<Pick<Seen, "typed" | "sort">>} change */
    "packs.filter": (change) => see(() => change),
    /** @param {{path: string}} detail */
    "packs.toggle": ({ path }) => see(({ open }) => ({ open: { ...open, [path]: !open[path] } })),
    /** Open the tab at that pack. @param {{pack: string}} detail */
    "packs.show": ({ pack }) => {
      see(() => ({ target: pack, typed: "", sort: "" }));
      store.set({ view: "packs" });
    },
    /** The pack that was to be shown is there and has the focus, or there is none. @param {{path: string}} detail */
    "packs.arrived": ({ path }) => see(({ open }) => ({ target: "", open: path ? { ...open, [path]: true } : open })),
    /** Have something done with a pack: planned first, in the tab "Install". @param {{kind: Deed, pack: InstalledPack, title: string}} detail */
    "packs.do": ({ kind, pack, title }) => {
      const task = taskOf(kind, pack);
      const ui_id = `${kind}-${pack.name}-${Date.now().toString(36)}`;
      return act("flow.tasks", { title, tasks: [{ ...task, ui_id, client_id: host.clientId() }] });
    },
    /** Say why a package is as it is, over whatever is shown. @param {{package: string, mark?: string}} detail */
    "packs.why": async ({ package: name, mark = "" }) => {
      const asked = folded(name);
      if (!asked) return;
      const mine = ++last.why;
      /** @param {Asked["answer"]} answer */
      const put = (answer) => mine === last.why && see(() => ({ why: { package: asked, mark, answer } }));
      put(loading(nothing()));
      if (store.value.wishes.phase === "none") void load("wishes");
      try {
        put(ready(await api.why(asked)));
      } catch (error) {
        put(failed(nothing(), faultOf(error)));
      }
    },
    /** {package}: of which it told; another one may have been asked for since. */
    "packs.closeWhy": ({ package: name }) => {
      if (name !== undefined && store.value.seen.why?.package !== name) return;
      last.why += 1;
      see(() => ({ why: null }));
    },
    /** @param {Partial<MapLook>} change */
    "map.look": (change) => see(({ map }) => ({ map: { ...map, ...change } })),
  };
}
