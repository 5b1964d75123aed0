/** The one flow: what, plan, progress, done. */

import { faultOf } from "../api.js";
import { recognise } from "../model/source.js";
import { spoken, t } from "../words.js";
import { searchActs } from "./flow_search.js";
import { newFound } from "./flow_found.js";
import { planActs } from "./flow_plan.js";

/** @typedef {import("../ports.js").Ports} Ports */
/** @typedef {import("../wire.js").Fault} Fault */
/** @typedef {import("../wire.js").Plan} Plan */

/** One task of the server's queue, without the ids. @typedef {{kind: string, params: Record<string, any>}} Task */

/**
 * One thing the user wants.
 *
 * @typedef {object} Item
 * @property {string} key
 * @property {string} name
 * @property {string} detail such as the version, or where it comes from
 * @property {Task} task
 */

/**
 * What is being planned or done: `own` where it came from somewhere else than the basket.
 *
 * @typedef {{title: string, tasks: readonly Task[], basket: boolean}} Order
 */

/** @typedef {"newest" | "fewest-broken"} Policy */

/**
 * @typedef {object} Flow
 * @property {"what" | "planning" | "plan" | "progress" | "done" | "failed"} step
 * @property {string} text what is in the box
 * @property {import("./flow_found.js").Found} found
 * @property {readonly Item[]} basket
 * @property {{phase: "none" | "sending" | "failed", name: string, bytes: number, fault: Fault | null}} upload
 * @property {Order | null} order
 * @property {readonly import("../model/plan.js").Kind[]} allow
 * @property {Readonly<Record<string, string>>} prefer
 * @property {Policy} policy
 * @property {readonly import("../model/plan.js").Allowance[]} asked what earlier plans of this order asked to be allowed
 * @property {Plan | null} plan
 * @property {readonly string[]} agreed keys of what has been said yes to
 * @property {string} job the one that plans or does it
 * @property {string} note why it was planned once more
 * @property {Fault | null} fault why there is no plan, or what could not be done
 */

/** @returns {Flow} */
export function newFlow() {
  return {
    step: "what",
    text: "",
    found: newFound(),
    basket: [],
    upload: { phase: "none", name: "", bytes: 0, fault: null },
    order: null,
    allow: [],
    prefer: {},
    policy: "newest",
    asked: [],
    plan: null,
    agreed: [],
    job: "",
    note: "",
    fault: null,
  };
}

/** @param {Ports} ports @returns {import("../ports.js").Acts} */
export function flowActs(ports) {
  const { api, store, host } = ports;
  /** @param {Partial<Flow>} change */
  const set = (change) => store.set(({ flow }) => ({ flow: { ...flow, ...change } }));

  /** @param {Item} item */
  const collect = (item) => {
    const { basket } = store.value.flow;
    set({ basket: [...basket.filter(({ key }) => key !== item.key), item] });
    store.set({ said: t("flow.said.collected", { name: item.name }) });
  };

  return {
    ...searchActs(ports),
    ...planActs(ports),

    /** Put it into the basket. {name, detail, source}; a pack of the Registry is in it once. */
    "flow.collect": ({ key, name, detail, source }) =>
      collect({ key: key ?? source, name, detail, task: { kind: "install", params: { source } } }),

    /** Take it out of the basket. {key} */
    "flow.leave": ({ key }) => {
      const { basket } = store.value.flow;
      set({ basket: basket.filter((each) => each.key !== key) });
    },

    /** Bring an archive from this page's computer into the basket, for the next change where one is being made. {files: File[]} */
    "flow.upload": async ({ files }) => {
      if (store.value.flow.step === "done" || store.value.flow.step === "failed") await ports.act("flow.back");
      for (const file of files) {
        const name = String(file.name);
        if (!/\.zip$/i.test(name)) {
          set({ upload: { phase: "failed", name, bytes: 0, fault: notZip(name) } });
          return;
        }
        set({ upload: { phase: "sending", name, bytes: file.size, fault: null } });
        try {
          const { source, name: called } = await api.upload(file);
          collect({ key: source, name: called, detail: t("flow.what.uploaded"), task: { kind: "install", params: { source } } });
          if (store.value.flow.step !== "what") host.toast("info", t("flow.said.collected", { name: called }));
        } catch (error) {
          set({ upload: { phase: "failed", name, bytes: 0, fault: faultOf(error) } });
          return;
        }
      }
      set({ upload: { phase: "none", name: "", bytes: 0, fault: null } });
    },

    /** Forget what went wrong with an archive. */
    "flow.upload.forget": () => set({ upload: { phase: "none", name: "", bytes: 0, fault: null } }),

    /** Plan what is in the basket. */
    "flow.basket": () => {
      const { basket } = store.value.flow;
      const names = new Intl.ListFormat(spoken()).format(basket.map(({ name }) => name));
      return ports.act("flow.order", { title: names, tasks: basket.map(({ task }) => task), basket: true });
    },

    /** Plan these packs at once. {sources: tasks or words as one would paste them, title} */
    "flow.start": ({ sources, title }) => {
      const tasks = sources.map((/** @type {Task | string} */ each) => (typeof each === "string" ? install(each) : each));
      return ports.act("flow.tasks", { tasks, title });
    },

    /** Plan these tasks at once, whatever their kind. {tasks, title} */
    "flow.tasks": ({ tasks, title = "" }) => {
      store.set({ view: "install" });
      return ports.act("flow.order", { title: title || tasks.map(subject).join(", "), tasks, basket: false });
    },
  };
}

/** @param {string} source @returns {Task} */
function install(source) {
  return { kind: "install", params: { source: recognise(source).source || source } };
}

/** What a task is about, for a title. @param {Task} task */
function subject({ kind, params }) {
  return String(params.source ?? params.node_name ?? params.name ?? params.id ?? kind);
}

/** @param {string} name @returns {Fault} */
function notZip(name) {
  return {
    code: "not-a-zip",
    message: t("flow.upload.not-zip", { name }),
    context: {},
    hints: [{ code: "drop-a-zip", text: t("flow.upload.drop-zip") }],
  };
}
