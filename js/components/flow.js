/** The one flow: what, plan, progress, done. Chooses what is shown of it, and moves the focus along. */

import { define, PanelElement } from "../element.js";
import { h } from "../dom.js";
import { t } from "../words.js";
import { register as registerBasket } from "./flow_basket.js";
import { register as registerBusy } from "./flow_busy.js";
import { register as registerChanges } from "./flow_changes.js";
import { register as registerConflict } from "./flow_conflict.js";
import { register as registerConsents } from "./flow_consents.js";
import { register as registerEnd } from "./flow_end.js";
import { register as registerFindings } from "./flow_findings.js";
import { register as registerOffer } from "./flow_offer.js";
import { register as registerPack } from "./flow_pack.js";
import { register as registerPlan } from "./flow_plan.js";
import { register as registerProgress } from "./flow_progress.js";
import { register as registerResults } from "./flow_results.js";
import { register as registerWhat } from "./flow_what.js";

/** @typedef {import("../state.js").State} State */

/** @extends {PanelElement<State>} */
export class Flow extends PanelElement {
  /** @type {string | undefined} */
  #step;

  /** @override */
  attached() {
    this.act("flow.look");
  }

  /** @override */
  drawn() {
    const { flow, status } = this.data;
    if (status.phase === "ready") this.act("flow.look");
    const moved = this.#step !== undefined && this.#step !== flow.step;
    this.#step = flow.step;
    if (moved) /** @type {HTMLElement | null} */ (this.querySelector(".si-flow-heading"))?.focus();
  }

  /** @override @param {State} state */
  render(state) {
    const { flow, jobs, status } = state;
    const job = jobs[flow.job];
    const title = flow.order?.title ?? "";
    return h(
      "div",
      { class: "si-stack" },
      h("safe-install-flow-busy", { key: "busy", data: { jobs, own: flow.job, may: flow.step === "what" } }),
      h(
        "div",
        { key: `head-${flow.step}` },
        h("h3", { class: "si-flow-heading", tabindex: "-1" }, t(headingOf(flow.step, job?.state))),
        flow.step !== "what" && title !== "" && h("p", { class: "si-muted" }, title),
      ),
      this.#body(state, job, status.value?.permits ?? {}),
    );
  }

  /**
   * @param {State} state
   * @param {State["jobs"][string] | undefined} job
   * @param {Record<string, string>} permits
   */
  #body({ flow, jobs, missing, status }, job, permits) {
    switch (flow.step) {
      case "planning":
      case "progress":
        return h("safe-install-flow-progress", { key: "progress", data: { flow, job, jobs, owner: status.value?.owner ?? null } });
      case "plan":
        return h("safe-install-flow-plan", { key: "plan", data: { flow } });
      case "done":
      case "failed":
        return h("safe-install-flow-end", { key: "end", data: { flow, job } });
      default:
        return h("safe-install-flow-what", {
          key: "what",
          data: { flow, permits, missing, offline: status.value?.registry_offline ?? false },
        });
    }
  }
}

/** @param {string} step @param {string | undefined} state of the job @returns {import("../words.js").Key} */
function headingOf(step, state) {
  if (step === "failed") {
    if (state === "cancelled") return "flow.head.cancelled";
    if (state === "refused") return "flow.head.refused";
    if (state === "interrupted") return "flow.head.interrupted";
    return "flow.head.failed";
  }
  return /** @type {import("../words.js").Key} */ (`flow.head.${step}`);
}

/** Make the element, and those inside it, known to the page. */
export function register() {
  const inside = [
    registerBasket, registerBusy, registerChanges, registerConflict, registerConsents, registerEnd, registerFindings,
    registerOffer, registerPack, registerPlan, registerProgress, registerResults, registerWhat,
  ];
  for (const each of inside) each();
  define("safe-install-flow", Flow);
}
