/** Packs the open workflow lacks. Nothing is asked while nothing is missing. */

import { ApiError, faultOf } from "../api.js";
import { t } from "../words.js";

/** @typedef {import("../ports.js").Ports} Ports */
/** @typedef {import("../wire.js").Missing} Missing */

/**
 * @typedef {object} MissingHere
 * @property {"none" | "looking" | "ready" | "failed"} phase
 * @property {Missing | null} found
 * @property {import("../wire.js").Fault | null} fault
 * @property {boolean} dismissed whether the user put it away
 * @property {readonly string[]} types the node types the page does not know
 * @property {Readonly<Record<string, string>>} choose {node type: pack} where several have it
 */

/** Milliseconds until the server is asked: several workflows are often loaded one after the other. */
const CALM = 400;

/** @returns {MissingHere} */
export function newMissing() {
  return { phase: "none", found: null, fault: null, dismissed: false, types: [], choose: {} };
}

/** @param {Ports} ports @returns {import("../ports.js").Acts} */
export function missingActs(ports) {
  const { api, store, host, jobs, act } = ports;
  /** @param {Partial<MissingHere>} change */
  const set = (change) => store.set(({ missing }) => ({ missing: { ...missing, ...change } }));
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  // Answers overtake each other; only the one asked for last counts.
  let last = 0;

  /** @param {boolean} tell whether the user is to hear of it */
  async function look(tell) {
    const types = host.missingTypes();
    if (types.length === 0) {
      last += 1;
      store.set({ missing: newMissing() });
      return;
    }
    const mine = ++last;
    set({ phase: "looking", fault: null, types });
    try {
      const { choose } = store.value.missing;
      const found = await api.missing({ workflow: host.workflow(), prompt: null, choose, client_id: host.clientId() });
      if (mine !== last) return;
      set({ phase: "ready", found });
      if (tell) announce();
    } catch (error) {
      if (mine === last) set({ phase: "failed", fault: faultOf(error) });
    }
  }

  /** Only where we have something to offer: that nodes are missing is said by the host itself. */
  function announce() {
    const { found, types } = store.value.missing;
    if (found === null || host.setting("SafeInstall.Toasts") === false) return;
    const names = [...found.packs.map(({ name }) => name), ...found.choices.flatMap((each) => each.types)];
    if (names.length === 0) return;
    host.toast("info", t("missing.toast.title", { count: types.length }), t("missing.toast.packs", { names: names.slice(0, 6).join(", ") }), 10_000);
  }

  jobs.onEnd((job) => {
    if (store.value.missing.found !== null && job.kind !== "plan" && job.state === "done") void look(false);
  });

  return {
    /** A workflow was loaded. Its missing node types, if any, are looked up soon, once for each set of them. */
    "missing.heard": () => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        const types = host.missingTypes();
        if (types.join("\n") === store.value.missing.types.join("\n")) return;
        store.set({ missing: newMissing() });
        void look(true);
      }, CALM);
    },

    /** Look now what the open workflow lacks. */
    "missing.look": () => look(false),

    /** Show it in the panel, looked up anew. */
    "missing.show": async () => {
      set({ dismissed: false });
      await act("panel.open", { view: "install" });
      await look(false);
      if (store.value.missing.types.length === 0) store.set({ said: t("missing.none") });
    },

    /** Of several packs that have these node types, this one; an empty subject takes the choice back. {types, subject} */
    "missing.choose": async ({ types, subject }) => {
      const others = Object.entries(store.value.missing.choose).filter(([type]) => !types.includes(type));
      const chosen = subject ? types.map((/** @type {string} */ type) => [type, subject]) : [];
      set({ choose: Object.fromEntries([...others, ...chosen]) });
      await look(false);
    },

    "missing.dismiss": () => set({ dismissed: true }),

    /** Plan the pack of one missing node. {node: as of host.nodeHere} */
    "missing.install": async ({ node }) => {
      const { type, properties } = node;
      await act("panel.open", { view: "install" });
      const workflow = { nodes: [{ id: 1, type, mode: 0, properties, inputs: [], outputs: [] }], links: [] };
      const found = await api.missing({ workflow, prompt: null, choose: {}, client_id: host.clientId() });
      if (found.tasks.length > 0) {
        await act("flow.tasks", { tasks: found.tasks, title: found.packs.map(({ name }) => name).join(", ") || type });
      } else if (found.choices.length > 0) {
        await act("missing.show");
      } else {
        throw new ApiError(nobody(type, found), 200);
      }
    },

    /** Plan everything that is settled, as one change. */
    "missing.all": async () => {
      const { found } = store.value.missing;
      if (!found || found.tasks.length === 0) return;
      await act("flow.tasks", { tasks: found.tasks, title: t("missing.title", { count: found.tasks.length }) });
    },
  };
}

/** @param {string} type @param {Missing} found @returns {import("../wire.js").Fault} */
function nobody(type, found) {
  const hints = found.findings.flatMap((each) => each.hints);
  return {
    code: "pack-unknown",
    message: found.findings[0]?.message ?? t("missing.unknown", { type }),
    context: { type },
    hints,
  };
}
