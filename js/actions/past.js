/** What was done: reading it, comparing, and what can be done to a snapshot. Going back is `going_back.js`. */

import { ApiError, faultOf } from "../api.js";
import { size } from "../model/format.js";
import { failed, loading, nothing, ready } from "../state.js";
import { spoken, t } from "../words.js";
import { goingBackActs } from "./going_back.js";

/** @typedef {import("../ports.js").Ports} Ports */
/** @typedef {import("../wire.js").Fault} Fault */
/** @typedef {import("../wire.js").SnapshotDiff} SnapshotDiff */

/** What was read of both lists, and how much there is. @typedef {{changes: import("../wire.js").Transaction[], snapshots: import("../wire.js").SnapshotSummary[], more: {changes: boolean, snapshots: boolean}, findings: import("../wire.js").Finding[]}} Read */

/** A comparison of two snapshots, or of one with "now". @typedef {{a: string, b: string, answer: import("../state.js").Loadable<SnapshotDiff>}} Comparison */

/**
 * @typedef {object} Past
 * @property {"list" | "diff" | "preview"} step
 * @property {import("../state.js").Loadable<Read>} read
 * @property {number} shown how many entries are drawn
 * @property {string} typed what the list is filtered by
 * @property {string} picked the snapshot that is to be compared with another; empty where none is
 * @property {Comparison | null} diff
 * @property {import("./going_back.js").Preview | null} preview
 * @property {{id: string, fault: Fault} | null} trouble what went wrong with one snapshot, or with one that waits
 * @property {string} taking the job that takes a snapshot; empty where none does
 * @property {string} focus the id of the element that gets the focus next; "heading" for the heading of what is shown
 * @property {string} from the id of the element to which the focus goes back
 */

/** How many entries are drawn at first, and how many more each time. */
export const PAGE = 50;
/** The most the server gives at once. */
const MOST = 500;
/** Work that adds nothing to the past. */
const LEAVES_ALL = new Set(["plan", "missing"]);

/** @returns {Past} */
export function newPast() {
  return {
    step: "list",
    read: nothing(),
    shown: PAGE,
    typed: "",
    picked: "",
    diff: null,
    preview: null,
    trouble: null,
    taking: "",
    focus: "",
    from: "",
  };
}

/** @param {Ports} ports @returns {import("../ports.js").Acts} */
export function pastActs(ports) {
  const { api, store, host, jobs, act } = ports;
  // Answers overtake each other; only the one asked for last counts.
  const last = { read: 0, diff: 0 };
  /** @param {Partial<Past>} change */
  const put = (change) => store.set(({ past }) => ({ past: { ...past, ...change } }));
  const past = () => store.value.past;

  async function load() {
    const mine = ++last.read;
    put({ read: loading(past().read) });
    try {
      const wanted = past().typed === "" ? past().shown : Infinity;
      const [changes, snapshots] = await Promise.all([
        everything(wanted, (limit, offset) => api.transactions(limit, offset), (page) => page.transactions),
        everything(wanted, (limit, offset) => api.snapshots(limit, offset), (page) => page.snapshots),
      ]);
      if (mine !== last.read) return;
      const more = { changes: changes.more, snapshots: snapshots.more };
      const findings = snapshots.pages[0]?.findings ?? [];
      put({ read: ready({ changes: changes.found, snapshots: snapshots.found, more, findings }) });
    } catch (error) {
      if (mine === last.read) put({ read: failed(past().read, faultOf(error)) });
    }
  }

  /** Again what was read already, where somebody looks. */
  async function reload() {
    if (past().read.phase !== "none" && store.value.open) await load();
  }

  /** Do something to one snapshot; what goes wrong is shown there. @param {string} id @param {() => Promise<void>} deed */
  async function withOne(id, deed) {
    put({ trouble: null });
    try {
      await deed();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      put({ trouble: { id, fault: error.fault } });
    }
  }

  /** @param {string} a @param {string} b */
  async function compare(a, b) {
    const mine = ++last.diff;
    const answer = loading(/** @type {import("../state.js").Loadable<SnapshotDiff>} */ (nothing()));
    put({ diff: { a, b, answer }, step: "diff", picked: "", focus: "heading" });
    try {
      const found = await api.diff(a, b);
      if (mine === last.diff) put({ diff: { a, b, answer: ready(found) } });
    } catch (error) {
      if (mine === last.diff) put({ diff: { a, b, answer: failed(answer, faultOf(error)) } });
    }
  }

  jobs.onEnd((job) => {
    if (!LEAVES_ALL.has(job.kind)) void reload();
  });
  host.onEvent("safe_install.changed", () => void reload());
  host.onEvent("reconnected", () => void reload());

  return {
    /** Read it, or read it again. */
    "past.load": load,
    "past.more": async () => {
      put({ shown: past().shown + PAGE });
      await load();
    },
    "past.filter": async ({ text }) => {
      const isFirst = past().typed === "";
      put({ typed: text, shown: PAGE });
      const { value } = past().read;
      // What is looked for may lie further back than what was read.
      if (isFirst && text !== "" && (value?.more.changes || value?.more.snapshots)) await load();
    },
    /** The focus is where it was to go. */
    "past.focused": () => put({ focus: "" }),
    /** Back to the list, and to where the user came from. */
    "past.list": () => {
      last.diff += 1;
      put({ step: "list", diff: null, preview: null, focus: past().from || "si-past", from: "" });
    },
    "past.take": async ({ label }) =>
      withOne("new", async () => {
        const { id } = await api.takeSnapshot({ label, client_id: host.clientId() });
        put({ taking: id });
        const job = await jobs.follow(id);
        put({ taking: "" });
        if (job.error) put({ trouble: { id: "new", fault: job.error } });
        else await act("panel.say", { text: t("past.said.taken") });
      }).finally(() => put({ taking: "" })),
    "past.label": async ({ id, label }) =>
      withOne(id, async () => {
        await api.changeSnapshot(id, { label });
        await load();
        await act("panel.say", { text: label === "" ? t("past.said.unlabelled") : t("past.said.labelled", { label }) });
      }),
    "past.pin": async ({ id, pinned }) =>
      withOne(id, async () => {
        await api.changeSnapshot(id, { pinned });
        await load();
        await act("panel.say", { text: t(pinned ? "past.said.pinned" : "past.said.unpinned") });
      }),
    "past.export": async ({ id }) =>
      withOne(id, async () => {
        host.saveFile(await api.exportSnapshot(id), `safe-install-${id}.json`);
        await act("panel.say", { text: t("past.said.exported") });
      }),
    "past.remove": async ({ id }) =>
      withOne(id, async () => {
        const { freed_bytes: freed } = await api.removeSnapshot(id);
        if (past().picked === id) put({ picked: "" });
        await load();
        put({ focus: "si-past" });
        await act("panel.say", { text: t("past.said.removed", { size: size(freed, spoken()) }) });
        host.toast("success", t("past.removed"), t("past.said.removed", { size: size(freed, spoken()) }));
      }),
    /** The next one chosen is compared with this one; empty: none is. */
    "past.pick": ({ id }) => put({ picked: id }),
    /** What leads from a to b; "now" is this moment. */
    "past.compare": ({ a, b, from = "" }) => {
      if (from) put({ from });
      return compare(a, b);
    },
    "past.swap": () => {
      const { diff } = past();
      return diff ? compare(diff.b, diff.a) : undefined;
    },
    "past.giveUp": async ({ id }) =>
      withOne(id, async () => {
        await api.cancelWaiting(id);
        await Promise.all([act("standing.refresh"), load()]);
        put({ focus: "si-past" });
        await act("panel.say", { text: t("past.said.given-up") });
      }),
    ...goingBackActs(ports),
  };
}

/**
 * The first so many of a list that comes in pages.
 *
 * @template {{pagination: import("../wire.js").Pagination}} P
 * @template I
 * @param {number} wanted
 * @param {(limit: number, offset: number) => Promise<P>} ask
 * @param {(page: P) => I[]} itemsOf
 * @returns {Promise<{found: I[], more: boolean, pages: P[]}>}
 */
async function everything(wanted, ask, itemsOf) {
  /** @type {I[]} */
  const found = [];
  /** @type {P[]} */
  const pages = [];
  let more = true;
  while (more && found.length < wanted) {
    const page = await ask(Math.min(wanted - found.length, MOST), found.length);
    pages.push(page);
    found.push(...itemsOf(page));
    // One that went in between must not have us ask for ever.
    more = page.pagination.has_more && itemsOf(page).length > 0;
  }
  return { found, more, pages };
}
