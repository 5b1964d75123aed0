/** A word when a change ended, once: for whoever is not looking at the panel. */

import { isWhole } from "./actions/jobs.js";
import { t } from "./words.js";

/** @typedef {import("./wire.js").Job} Job */
/** @typedef {import("./wire.js").JobSummary} JobSummary */

/** What changes nothing is not told; snapshots are told by who takes them. */
const QUIET = new Set(["plan", "missing", "snapshot"]);

/** @param {import("./ports.js").Ports} ports */
export function tellOfEnds({ api, host, jobs, store }) {
  jobs.onEnd(async (summary) => {
    if (QUIET.has(summary.kind) || host.setting("SafeInstall.Toasts") === false) return;
    const job = isWhole(summary) ? summary : await api.job(summary.id).catch(() => null);
    if (!job) {
      // How it ended is in the panel as well; what it was called is all that is missing.
      if (summary.state === "failed") host.toast("error", t("commands.toast-failed", { operation: summary.kind }));
      return;
    }
    // The panel shows it, and says what is to be done.
    if (store.value.open && host.isVisible() && job.client_id === host.clientId()) return;
    tell(host, job);
  });
}

/** @param {import("./ports.js").Host} host @param {Job} job */
function tell(host, job) {
  const operation = job.operation || job.kind;
  if (job.state === "done" && job.result?.applied) {
    const needs = t(job.restart === "restart" ? "commands.toast-restart" : job.restart === "reload" ? "commands.toast-reload" : "commands.toast-none");
    host.toast(job.restart === "restart" ? "warn" : "success", t("commands.toast-done", { operation }), needs, 8000);
  } else if (job.state === "failed") {
    host.toast("error", t("commands.toast-failed", { operation }), job.error?.message ?? "", 15_000);
  } else if (job.state === "interrupted") {
    host.toast("warn", t("commands.toast-interrupted", { operation }), job.error?.message ?? "", 15_000);
  } else if (job.state === "cancelled") {
    host.toast("info", t("commands.toast-cancelled", { operation }));
  }
}
