/** The job of the flow while it runs: why it waits, how far it is, and whether it can still be stopped. */

import { define, PanelElement } from "../element.js";
import { h } from "../dom.js";
import { isOpen, waitsFor } from "../model/stages.js";
import { t } from "../words.js";

/** @typedef {import("../state.js").Job} Job */
/** @typedef {import("../state.js").JobSummary} JobSummary */

/**
 * `owner`: who else is at work here.
 *
 * @typedef {object} Data
 * @property {import("../actions/flow.js").Flow} flow
 * @property {Job | JobSummary | undefined} job
 * @property {import("../state.js").State["jobs"]} jobs
 * @property {import("../wire.js").WorkElsewhere | null} owner
 */

/** @extends {PanelElement<Data>} */
export class FlowProgress extends PanelElement {
  /** @override @param {Data} data */
  render({ flow, job, jobs, owner }) {
    const shown = job ?? notYet(flow.step === "planning" ? "plan" : "tasks");
    const moving = "cancellable" in shown && !shown.cancellable && shown.state === "running";
    return h(
      "div",
      { class: "si-stack" },
      flow.note !== "" && h("p", { class: "si-note info", key: "note" }, flow.note),
      this.#waiting(shown, jobs, owner),
      h("safe-install-progress", {
        key: "progress",
        data: { job: shown, title: t(flow.step === "planning" ? "flow.progress.plan" : "flow.progress.change"), cancel: "flow.cancel" },
      }),
      moving && h("p", { class: "si-muted si-small", key: "moving" }, t("flow.stop.too-late")),
    );
  }

  /** @param {JobSummary} job @param {Data["jobs"]} jobs @param {Data["owner"]} owner */
  #waiting(job, jobs, owner) {
    const why = waitsFor(job);
    if (why === "") return null;
    const before = Object.values(jobs).filter((each) => each.id !== job.id && isOpen(each)).length;
    const words =
      why === "process"
        ? owner
          ? t("flow.waits.owner", { what: owner.operation })
          : (job.stage?.text ?? "")
        : before > 0
          ? t("flow.waits.turn", { count: before })
          : "";
    return words !== "" && h("p", { class: "si-note info", key: "waits", role: "status" }, words);
  }
}

/** What is shown until the server has given it a number. @param {string} kind @returns {JobSummary} */
function notYet(kind) {
  return { id: "", kind, state: "running", stage: null, progress: null };
}

/** Make the element known to the page. */
export function register() {
  define("safe-install-flow-progress", FlowProgress);
}
