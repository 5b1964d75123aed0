/** How things stand: the server's status, the connection, restarting, what others changed. */

import { ApiError, faultOf } from "../api.js";
import { t } from "../words.js";
import { failed, loading, nothing, ready } from "../state.js";
import { newKnown, watchKnown } from "./known.js";

/** @typedef {import("../ports.js").Ports} Ports */
/** @typedef {import("../wire.js").Fault} Fault */
/** @typedef {import("../wire.js").Status} Status */

/**
 * @typedef {object} Standing
 * @property {string} clientId this page's, on the websocket
 * @property {string} start what tells the start of ComfyUI that this page knows from others; empty where it does not
 * @property {number} since when the connection broke or the restart began, in milliseconds since 1970
 * @property {boolean} gone whether the server was away since then
 * @property {{phase: "none" | "asking", fault: Fault | null}} restart
 * @property {"" | "restarted" | "changed"} pageOld why the page should be loaded again
 * @property {import("../state.js").Loadable<import("../wire.js").Drifted>} drift
 * @property {readonly string[]} hidden notices that were put away, in this page
 * @property {import("./known.js").Known} known what the right-click menus are drawn from
 */

/** Milliseconds between two looks while the server does not answer. */
const AWAY = 1500;
/** Milliseconds between two looks while the panel is seen. */
const SEEN = 20_000;
/** Milliseconds after which a server that still answers is not about to restart. */
const NOT_RESTARTING = 20_000;
/** Milliseconds until others' changes are looked for, which takes the server some seconds: the page comes up first. */
const DRIFT = 4000;

/** @returns {Standing} */
export function newStanding() {
  return {
    clientId: "",
    start: "",
    since: 0,
    gone: false,
    restart: { phase: "none", fault: null },
    pageOld: "",
    drift: nothing(),
    hidden: [],
    known: newKnown(),
  };
}

/** @param {Ports} ports @returns {import("../ports.js").Acts} */
export function standingActs(ports) {
  const { api, store, host, jobs, act } = ports;
  /** @param {Partial<Standing>} change */
  const set = (change) => store.set(({ standing }) => ({ standing: { ...standing, ...change } }));
  /** @type {Promise<void> | null} */
  let looking = null;
  let watched = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;

  /** Ask how things stand; who asks meanwhile gets the same answer. */
  const look = () => (looking ??= ask().finally(() => (looking = null)));

  async function ask() {
    if (store.value.status.phase === "none") store.set(({ status }) => ({ status: loading(status) }));
    try {
      const { connection, standing } = store.value;
      // Only after it was away, or where it is about to go, it may be another start.
      const sure = standing.start !== "" && connection === "online" && !standing.gone;
      const start = sure ? standing.start : await api.thisStart();
      answered(await api.status(), start);
    } catch (error) {
      const fault = faultOf(error);
      store.set(({ status }) => ({ status: failed(status, fault) }));
      if (fault.code === "server-unreachable") away();
      else store.set({ connection: "online" });
    }
  }

  /** @param {Status} status @param {string} start */
  function answered(status, start) {
    const { connection, standing } = store.value;
    // One that went before it said which it was is taken for another than the one that answers now.
    const another = start !== standing.start && (standing.start !== "" || standing.gone);
    store.set({ status: ready(status) });
    set({ clientId: host.clientId() });
    jobs.settle(status.jobs);
    if (connection === "restarting" && !another && !standing.gone && Date.now() - standing.since < NOT_RESTARTING) {
      return; // It is the old one, which answers until it ends.
    }
    store.set({ connection: "online" });
    set({ start, gone: false, restart: another ? newStanding().restart : standing.restart });
    if (another) cameBack();
    if (watched) return;
    watched = true;
    setTimeout(() => act("standing.drift"), DRIFT);
  }

  function cameBack() {
    set({ pageOld: "restarted", drift: nothing() });
    store.set({ said: t("standing.said.back") });
    setTimeout(() => act("standing.drift"), DRIFT);
    if (store.value.packs.phase !== "none") void act("packs.load");
  }

  /** The server does not answer: it restarts where that was to be expected. */
  function away() {
    const { connection } = store.value;
    if (connection !== "restarting" && connection !== "offline") {
      store.set({ connection: "offline", said: t("standing.offline.title") });
      set({ since: Date.now() });
    }
    set({ gone: true });
    keepLooking();
  }

  function keepLooking() {
    if (timer !== undefined) return;
    timer = setTimeout(async () => {
      timer = undefined;
      await look();
      if (store.value.connection !== "online") keepLooking();
    }, AWAY);
  }

  function beginRestart() {
    if (store.value.connection === "restarting") return;
    store.set({ connection: "restarting", said: t("standing.restarting.title") });
    set({ since: Date.now(), gone: false, restart: newStanding().restart });
    keepLooking();
  }

  /** @param {import("../wire.js").JobSummary} job */
  async function ended(job) {
    if (job.kind === "plan") return;
    await look();
    if (job.state !== "done") return;
    const whole = "restart" in job ? /** @type {import("../wire.js").Job} */ (job) : await api.job(job.id).catch(faultOf);
    // Without the job nothing is lost but the offer to load the page again.
    if (!("restart" in whole) || !whole.result?.applied) return;
    if (whole.restart === "reload") set({ pageOld: store.value.standing.pageOld || "changed" });
    if (whole.restart === "reload" || whole.restart === "none") await host.refreshNodeTypes();
    if (store.value.standing.drift.value?.new) await act("standing.drift");
  }

  return {
    /** Begin: hear of what happens, and look from time to time while the panel is seen. Once a page. */
    "standing.watch": () => {
      host.onEvent("reconnecting", () => {
        away();
        void look();
      });
      host.onEvent("reconnected", () => {
        set({ gone: true });
        void look();
      });
      host.onEvent("safe_install.restart", ({ state, message }) => {
        if (state === "begins") beginRestart();
        else if (store.value.connection === "restarting") {
          store.set({ connection: "online" });
          set({ restart: { phase: "none", fault: calledOff(message) } });
        }
      });
      host.onEvent("safe_install.changed", () => void look());
      jobs.onEnd((job) => void ended(job));
      host.onVisible(() => store.value.open && void look());
      setInterval(() => {
        if (store.value.open && store.value.connection === "online" && host.isVisible()) void look();
      }, SEEN);
      watchKnown(ports, set);
      return look();
    },

    "standing.refresh": look,

    /** Start ComfyUI again. {force} */
    "standing.restart": async ({ force = false }) => {
      if (store.value.standing.restart.phase === "asking") return;
      if (!force && host.setting("SafeInstall.ConfirmRestart") !== false) {
        const question = { title: t("standing.confirm-restart.title"), message: t("standing.confirm-restart.text") };
        if (!(await host.confirm(question))) return;
      }
      set({ restart: { phase: "asking", fault: null } });
      try {
        await api.restart(force);
        set({ restart: { phase: "none", fault: null } });
        beginRestart();
      } catch (error) {
        set({ restart: { phase: "none", fault: faultOf(error) } });
        // A refusal is to be read, and to be answered: it stands in the panel.
        if (!store.value.open) await act("panel.open");
      }
    },
    "standing.forgetRestart": () => set({ restart: { phase: "none", fault: null } }),
    "standing.reload": () => host.reloadPage(),

    /** Give up a change that waits for the next start. {id} */
    "standing.giveUp": async ({ id }) => {
      const status = await api.cancelWaiting(id);
      store.set({ status: ready(status), said: t("standing.said.given-up") });
    },

    /** Look whether others changed something, which may take the server seconds. */
    "standing.drift": async () => {
      const { status, standing } = store.value;
      if (status.value?.busy || status.value?.owner) return;
      set({ drift: loading(standing.drift) });
      try {
        const { drift } = await api.status(true);
        set({ drift: drift ? ready(drift) : nothing() });
      } catch (error) {
        const fault = faultOf(error);
        // That the server is away is said already; it is asked again when it is back.
        set({ drift: fault.code === "server-unreachable" ? nothing() : failed(standing.drift, fault) });
      }
    },

    /** What is here now is meant to be so: keep it as a snapshot. */
    "standing.keep": async () => {
      const { id } = await api.takeSnapshot({ label: "", full: null, client_id: host.clientId(), ui_id: "" });
      const job = await jobs.follow(id);
      if (job.error) throw new ApiError(job.error, 200);
      set({ drift: nothing() });
      store.set({ said: t("standing.said.kept") });
      await act("standing.drift");
    },

    /** Put a notice away, until there is something else to say. {key} */
    "standing.hide": ({ key }) => set({ hidden: [...store.value.standing.hidden, key] }),
  };
}

/** @param {string} message @returns {Fault} */
function calledOff(message) {
  return { code: "restart-while-busy", message: message || t("standing.called-off"), context: {}, hints: [] };
}
