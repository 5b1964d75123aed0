/** From an order to its plan, and from the plan to its end. */

import { faultOf } from "../api.js";
import { allowances, asksOf, canBeApplied } from "../model/plan.js";
import { t } from "../words.js";
import { keepFlow, keptFlow } from "./flow_kept.js";

/** @typedef {import("./flow.js").Flow} Flow */
/** @typedef {import("../wire.js").Job} Job */
/** @typedef {import("../wire.js").Fault} Fault */

/** The plan does not fit any more what is there: it is made anew, and the user looks once more. */
const OUTDATED = new Set(["plan-outdated", "plan-changed", "plan-not-found", "consent-needed"]);
/** Changes that are found again when the page was loaded anew; going back belongs to the history. */
const MINE = new Set(["install", "uninstall", "update", "fix", "enable", "disable", "tasks", "sync", "repair"]);

/** @param {import("../ports.js").Ports} ports @returns {import("../ports.js").Acts} */
export function planActs(ports) {
  const { api, store, jobs, host } = ports;
  /** What is answered late, to a question that was withdrawn, is passed over. */
  let turn = 0;
  let looked = false;

  /** @param {Partial<Flow>} change */
  const set = (change) => store.set(({ flow }) => ({ flow: { ...flow, ...change } }));

  const before = keptFlow(host);
  if (before) set({ text: before.text, basket: before.basket });
  keepFlow(ports);

  /**
   * Have the order planned with what is chosen now.
   *
   * @param {string} [note] why once more
   */
  const plan = async (note = "") => {
    const { order, allow, prefer, policy, job: last, step } = store.value.flow;
    if (order === null) return;
    turn += 1;
    const mine = turn;
    if (step === "planning" && last) giveUp(last);
    set({ step: "planning", job: "", fault: null, note });
    try {
      const client = host.clientId();
      const tasks = order.tasks.map((task, at) => ({ ...task, ui_id: `panel-${at}`, client_id: client }));
      const { id, job } = await api.plan({ tasks, allow: [...allow], prefer, policy });
      if (mine !== turn) {
        giveUp(id);
        return;
      }
      jobs.heard({ job });
      set({ job: id });
      const ended = await jobs.follow(id);
      if (mine !== turn) return;
      if (ended.state !== "done" || ended.plan_id === null) {
        const { asked } = store.value.flow;
        set({ step: ended.state === "cancelled" ? "what" : "failed", fault: ended.error, asked: asksOf(ended.error, asked) });
        return;
      }
      const made = await api.getPlan(ended.plan_id);
      if (mine !== turn) return;
      const { asked } = store.value.flow;
      set({ step: "plan", plan: made, asked: made.change ? allowances(made.change, allow, asked) : [] });
    } catch (error) {
      if (mine === turn) set({ step: "failed", fault: faultOf(error) });
    }
  };

  /** Nobody waits for it any more; where it is over already that is as well. @param {string} id */
  const giveUp = (id) => {
    api.cancel(id).then(undefined, () => undefined);
  };

  /** @param {string} id */
  const follow = async (id) => {
    turn += 1;
    const mine = turn;
    set({ step: "progress", job: id, fault: null, note: "" });
    /** @type {Job} */
    let ended;
    try {
      ended = await jobs.follow(id);
    } catch (error) {
      if (mine === turn) set({ step: "failed", fault: faultOf(error) });
      return;
    }
    if (mine !== turn) return;
    if (ended.state === "done") {
      const { order } = store.value.flow;
      set({ step: "done", ...(order?.basket ? { basket: [], text: "" } : {}) });
      // What it was in full; after a restart of the server the plan is gone, and the job says enough.
      const { plan: shown } = store.value.flow;
      if (shown === null && ended.plan_id) {
        api.getPlan(ended.plan_id).then((made) => mine === turn && set({ plan: made }), () => undefined);
      }
      return;
    }
    if (ended.error && OUTDATED.has(ended.error.code) && store.value.flow.order) {
      await plan(t("flow.note.outdated", { why: ended.error.message }));
      return;
    }
    set({ step: "failed", fault: ended.error });
  };

  return {
    /** Plan this. {title, tasks, basket} */
    "flow.order": ({ title, tasks, basket }) => {
      set({ order: { title, tasks, basket }, allow: [], prefer: {}, policy: "newest", asked: [], plan: null, agreed: [] });
      return plan();
    },

    /** Plan once more, as it was or with another choice. */
    "flow.plan": () => plan(),

    /** Follow the wish of this pack; an empty one: as the rules have it. {package, pack} */
    "flow.prefer": ({ package: name, pack }) => {
      set({ prefer: { ...store.value.flow.prefer, [name]: pack } });
      return plan(pack ? t("flow.note.prefer", { package: name, pack }) : t("flow.note.rules", { package: name }));
    },

    /** Settle what clashes by this policy. {policy} */
    "flow.policy": ({ policy }) => {
      set({ policy });
      return plan(t("flow.note.policy"));
    },

    /** Allow this kind, or not any more. {kind, on} */
    "flow.allow": ({ kind, on }) => {
      const others = store.value.flow.allow.filter((each) => each !== kind);
      set({ allow: on ? [...others, kind] : others });
      return plan(t("flow.note.allow"));
    },

    /** Say yes to one thing of the plan, or take it back. {key, on} */
    "flow.agree": ({ key, on }) => {
      const others = store.value.flow.agreed.filter((each) => each !== key);
      set({ agreed: on ? [...others, key] : others });
    },

    /** Do what the plan says. */
    "flow.install": async () => {
      const { plan: shown, agreed } = store.value.flow;
      if (shown === null || !canBeApplied(shown, agreed)) return;
      try {
        const { id, job } = await api.run({
          kind: "apply",
          params: { plan_id: shown.id },
          agree: shown.fingerprint,
          ui_id: "panel",
          client_id: host.clientId(),
        });
        jobs.heard({ job });
        await follow(id);
      } catch (error) {
        const fault = faultOf(error);
        if (OUTDATED.has(fault.code)) await plan(t("flow.note.outdated", { why: fault.message }));
        else set({ step: "failed", fault });
      }
    },

    /** Stop what runs: the planning, or the change while it is free. */
    "flow.cancel": async () => {
      const { step, job } = store.value.flow;
      if (step === "planning") {
        turn += 1;
        if (job) giveUp(job);
        set({ step: "what", job: "" });
        return;
      }
      try {
        await api.cancel(job);
      } catch (error) {
        store.set({ said: faultOf(error).message });
      }
    },

    /** Back to the plan that was there, or to the beginning. */
    "flow.back": () => {
      turn += 1;
      set({ step: "what", order: null, plan: null, job: "", fault: null, note: "" });
    },

    /** Follow a change another window asked for. {id} */
    "flow.follow": ({ id }) => {
      set({ order: null, plan: null });
      return follow(id);
    },

    /** After the page was loaded anew: find again what this window had asked for, or was about to. */
    "flow.look": async () => {
      const { status, flow } = store.value;
      if (looked || status.value === null) return;
      looked = true;
      if (flow.step !== "what") return;
      const order = before?.order ?? null;
      for (const { id, kind } of status.value.jobs) {
        if (!MINE.has(kind)) continue;
        const job = await api.job(id);
        if (job.client_id !== "" && job.client_id === host.clientId() && store.value.flow.step === "what") {
          jobs.heard({ job });
          store.set({ view: "install" });
          set({ order: before?.job === id ? order : null });
          await follow(id);
          return;
        }
      }
      if (order === null || store.value.flow.step !== "what") return;
      const { step, job, prefer, policy } = /** @type {import("./flow_kept.js").Kept} */ (before);
      if (step === "planning" || step === "plan") {
        if (step === "planning" && job) giveUp(job);
        set({ order, prefer, policy });
        await plan();
      } else if (step === "progress") {
        // It ended while the page was loaded; a server that has forgotten it has it in the history.
        const known = await api.job(job).catch(() => null);
        if (known === null || store.value.flow.step !== "what") return;
        set({ order });
        await follow(job);
      }
    },
  };
}
