/** Going back to a snapshot: a preview, one confirmation, and how it ended. */

import { ApiError, faultOf } from "../api.js";
import { isOver } from "./jobs.js";

/** @typedef {import("../ports.js").Ports} Ports */
/** @typedef {import("../wire.js").Fault} Fault */
/** @typedef {import("../wire.js").Job} Job */
/** @typedef {import("../wire.js").Plan} Plan */

/**
 * Where one is to go back to: a snapshot; before a change; before the last change, where nothing is named.
 * @typedef {{snapshot: string, transaction: string}} Goal
 */

/**
 * @typedef {object} Preview
 * @property {Goal} goal
 * @property {"planning" | "ready" | "applying" | "done" | "failed"} phase
 * @property {string} job the one that plans or goes back; empty before it was asked for
 * @property {Plan | null} plan
 * @property {readonly string[]} agreed what the user said yes to, in the server's words
 * @property {boolean} renewed whether the plan is another one than the user had seen
 * @property {Fault | null} fault
 * @property {boolean} began whether it failed after the confirmation
 * @property {Job | null} ended how it ended
 */

/** @param {Ports} ports @returns {import("../ports.js").Acts} */
export function goingBackActs({ api, store, host, jobs, act }) {
  let last = 0;
  /** @param {Partial<import("./past.js").Past>} change */
  const put = (change) => store.set(({ past }) => ({ past: { ...past, ...change } }));
  const shown = () => store.value.past.preview;
  const asking = () => ({ client_id: host.clientId(), ui_id: "" });

  /** @param {number} turn @param {Partial<Preview>} change */
  function show(turn, change) {
    const preview = shown();
    if (turn === last && preview) put({ preview: { ...preview, ...change } });
  }

  /** @param {Goal} goal @param {string} from */
  async function preview(goal, from) {
    const turn = ++last;
    /** @type {Preview} */
    const fresh = { goal, phase: "planning", job: "", plan: null, agreed: [], renewed: false, fault: null, began: false, ended: null };
    store.set({ view: "history" });
    put({ step: "preview", preview: fresh, diff: null, focus: "heading", ...(from ? { from } : {}) });
    try {
      const { id } = await begin(goal);
      show(turn, { job: id });
      const job = await jobs.follow(id);
      if (job.state === "done" && job.plan_id) show(turn, { phase: "ready", plan: await api.getPlan(job.plan_id) });
      else show(turn, { phase: "failed", fault: job.error ?? ended(job) });
    } catch (error) {
      show(turn, { phase: "failed", fault: faultOf(error) });
    }
  }

  /** Have it planned. @param {Goal} goal */
  async function begin({ snapshot, transaction }) {
    const id = snapshot || (transaction && (await snapshotBefore(transaction)));
    if (id) return api.restore(id, { plan: true, ...asking() });
    return api.plan({ kind: "rollback", params: {}, ...asking() });
  }

  /** @param {string} transaction */
  async function snapshotBefore(transaction) {
    const { snapshot } = await api.transaction(transaction);
    if (snapshot) return snapshot;
    throw new ApiError(gone(transaction), 404);
  }

  /** @param {number} turn @param {string} id */
  async function follow(turn, id) {
    show(turn, { phase: "applying", job: id, began: true });
    const job = await jobs.follow(id);
    const renewed = job.error?.context?.plan_id;
    if (job.state === "done") {
      show(turn, { phase: "done", ended: job });
    } else if (renewed && (job.error?.code === "plan-changed" || job.error?.code === "consent-needed")) {
      show(turn, { phase: "ready", plan: await api.getPlan(renewed), agreed: [], renewed: true, began: false });
    } else {
      show(turn, { phase: "failed", fault: job.error ?? ended(job), ended: job });
    }
    if (turn === last && shown()) put({ focus: "heading" });
    await act("standing.refresh");
  }

  return {
    /** Show what going back to a snapshot takes. */
    "past.restore": ({ snapshot, from = "" }) => preview({ snapshot, transaction: "" }, from),
    /** Show what undoing the last change takes. */
    "past.undo": ({ from = "" }) => preview({ snapshot: "", transaction: "" }, from),
    /** Show what going back to before a change takes. */
    "past.undoChange": ({ transaction, from = "" }) => preview({ snapshot: "", transaction }, from),
    /** Plan it anew. */
    "past.planAgain": () => {
      const now = shown();
      return now ? preview(now.goal, "") : undefined;
    },
    /** Say yes to one thing, or take that back. */
    "past.agree": ({ words, yes }) => {
      const now = shown();
      if (!now) return;
      const rest = now.agreed.filter((each) => each !== words);
      put({ preview: { ...now, agreed: yes ? [...rest, words] : rest } });
    },
    /** Do what the preview shows. */
    "past.confirm": async () => {
      const now = shown();
      if (now?.phase !== "ready" || now.plan === null) return;
      const turn = ++last;
      const { plan } = now;
      show(turn, { phase: "applying", job: "", fault: null });
      put({ focus: "heading" });
      try {
        const agree = plan.needs_consent.length > 0 ? plan.fingerprint : "";
        const { id } = await api.run({ kind: "apply", params: { plan_id: plan.id }, agree, ...asking() });
        await follow(turn, id);
      } catch (error) {
        show(turn, { phase: "failed", fault: faultOf(error) });
      }
    },
    /** After the page was loaded anew: the rollback this page had asked for, if it still runs. */
    "past.resume": async () => {
      if (shown()) return;
      for (const open of Object.values(store.value.jobs)) {
        if (open.kind !== "rollback" || isOver(open)) continue;
        const job = await api.job(open.id);
        if (shown() || isOver(job) || job.client_id !== host.clientId()) continue;
        const turn = ++last;
        /** @type {Preview} */
        const found = {
          goal: { snapshot: "", transaction: "" }, phase: "applying", job: job.id, plan: null, agreed: [],
          renewed: false, fault: null, began: true, ended: null,
        };
        put({ step: "preview", preview: found });
        await follow(turn, job.id);
        return;
      }
    },
  };
}

/** A job that ended without saying why: it was cancelled, or ComfyUI ended. @param {Job} job @returns {Fault} */
function ended(job) {
  return { code: `job-${job.state}`, message: job.status?.messages[0] ?? job.state, context: { job: job.id }, hints: [] };
}

/** @param {string} transaction @returns {Fault} */
function gone(transaction) {
  return {
    code: "snapshot-gone",
    message: "The snapshot taken before this change is not kept any more.",
    context: { transaction },
    hints: [{ code: "older-snapshot", text: "Choose another snapshot of the list to go back to." }],
  };
}
