/** What runs or waits here besides: asked for in another window, or elsewhere in the panel. */

import { define, PanelElement } from "../element.js";
import { h } from "../dom.js";
import { isOpen, shareOf } from "../model/stages.js";
import { named, t } from "../words.js";

/** @typedef {import("../state.js").JobSummary} JobSummary */

/**
 * `own`: the job that is shown elsewhere. `may`: whether another can be looked at now.
 *
 * @extends {PanelElement<{jobs: import("../state.js").State["jobs"], own: string, may: boolean}>}
 */
export class FlowBusy extends PanelElement {
  /** @override @param {{jobs: import("../state.js").State["jobs"], own: string, may: boolean}} data */
  render({ jobs, own, may }) {
    const others = Object.values(jobs).filter((job) => job.id !== own && job.kind !== "plan" && isOpen(job));
    return others.map((job) => this.#other(job, may));
  }

  /** @param {JobSummary} job @param {boolean} may */
  #other(job, may) {
    const part = shareOf(job);
    const what = named("flow.job.", job.kind);
    return h(
      "div",
      { class: "si-note info", key: job.id, role: "status" },
      h(
        "p",
        { class: "si-row" },
        h("span", { class: "pi pi-spinner", "aria-hidden": "true" }),
        h("span", { class: "si-grow" }, t(job.state === "queued" ? "flow.busy.waits" : "flow.busy.runs", { what })),
      ),
      job.stage && h("p", { class: "si-muted" }, job.stage.text),
      part !== null && h("progress", { class: "si-flow-meter", max: "1", value: part, "aria-label": job.stage?.text ?? what }),
      may &&
        h(
          "button",
          { class: "si-button", type: "button", onclick: () => this.act("flow.follow", { id: job.id }) },
          t("flow.busy.show"),
        ),
    );
  }
}

/** Make the element known to the page. */
export function register() {
  define("safe-install-flow-busy", FlowBusy);
}
