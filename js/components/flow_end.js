/** How it ended: done, and what is still to happen; or not done, why, and what can be done about it. */

import { define, PanelElement } from "../element.js";
import { h } from "../dom.js";
import { answeredBy, headline, hintsOf } from "../model/plan.js";
import { size } from "../model/format.js";
import { spoken, t } from "../words.js";

/** @typedef {import("../state.js").Job} Job */
/** @typedef {import("../state.js").JobSummary} JobSummary */
/** @typedef {{flow: import("../actions/flow.js").Flow, job: Job | JobSummary | undefined}} Data */

/** @extends {PanelElement<Data>} */
export class FlowEnd extends PanelElement {
  /** @override @param {Data} data */
  render({ flow, job }) {
    const whole = job && "created" in job ? job : null;
    return h("div", { class: "si-stack" }, flow.step === "done" ? this.#done(flow, whole) : this.#failed(flow, whole), this.#log(whole));
  }

  /** @param {Data["flow"]} flow @param {Job | null} job */
  #done({ plan }, job) {
    const restart = job?.restart ?? plan?.restart ?? "restart";
    const reasons = /** @type {string[]} */ (job?.result?.restart_reasons ?? plan?.restart_reasons ?? []);
    const applied = /** @type {{seconds?: number, deferred?: {said?: string}, findings?: import("../wire.js").Finding[]} | null} */ (job?.result?.applied ?? null);
    const nothing = job?.status?.status_str === "skip";
    return [
      h(
        "div",
        { class: nothing ? "si-note info" : "si-note good", key: "done" },
        h("p", null, nothing ? t("flow.plan.empty") : applied?.deferred ? t("flow.done.deferred") : summary(plan)),
        applied?.seconds !== undefined && h("p", { class: "si-muted si-small" }, t("flow.done.seconds", { seconds: applied.seconds.toLocaleString(spoken(), { maximumFractionDigits: 1 }) })),
      ),
      (applied?.findings?.length ?? 0) > 0 && h("div", { class: "si-note warn", key: "told" }, h("safe-install-flow-findings", { data: applied?.findings })),
      !nothing &&
        h(
          "div",
          { class: restart === "none" ? "si-card" : "si-card warn", key: "need" },
          h("p", null, t(/** @type {import("../words.js").Key} */ (`flow.still.${restart}`))),
          reasons.length > 0 && h("ul", { class: "si-muted si-small" }, reasons.map((each) => h("li", null, each))),
          restart === "restart" && this.#button("flow.still.restart-button", "standing.restart", { force: false }, "primary"),
          restart === "reload" && this.#button("flow.still.reload-button", "standing.reload", {}, "primary"),
        ),
      h(
        "div",
        { class: "si-row", key: "next" },
        this.#button("flow.done.more", "flow.back", {}),
        // To before this very change: meanwhile another window may have made one.
        !nothing &&
          !applied?.deferred &&
          this.#button("flow.done.undo", job?.transaction_id ? "past.undoChange" : "past.undo", { transaction: job?.transaction_id }),
        this.#button("flow.done.packs", "panel.show", { view: "packs" }, "quiet"),
      ),
    ];
  }

  /** @param {Data["flow"]} flow @param {Job | null} job */
  #failed({ fault, order, allow, asked }, job) {
    const untouched = job === null || job.kind === "plan" || job.transaction_id === null || job.state === "cancelled";
    const asks = fault !== null && answeredBy(fault) !== null;
    const told = fault && asks ? { ...fault, hints: hintsOf(fault) } : fault;
    return [
      told && h("safe-install-fault", { data: { fault: told }, key: "fault" }),
      h("p", { key: "said" }, t(job?.state === "interrupted" ? "flow.failed.interrupted" : untouched ? "flow.failed.nothing" : "flow.failed.back")),
      asks && h("safe-install-flow-consents", { key: "asks", data: { plan: null, agreed: [], allow, asked } }),
      h(
        "div",
        { class: "si-row", key: "next" },
        order !== null && this.#button("flow.failed.again", "flow.plan", {}, "primary"),
        this.#button("common.back", "flow.back", {}),
      ),
    ];
  }

  /** @param {Job | null} job */
  #log(job) {
    if (job === null || job.log.length === 0) return null;
    return h(
      "details",
      { key: "log" },
      h("summary", null, t("progress.log", { count: job.log.length })),
      h("pre", { class: "si-log", tabindex: "0", role: "region", "aria-label": t("progress.log-name") }, job.log.join("\n")),
    );
  }

  /**
   * @param {import("../words.js").Key} words
   * @param {string} act
   * @param {Record<string, unknown>} detail
   * @param {string} [sort]
   */
  #button(words, act, detail, sort = "") {
    return h("button", { key: words, class: `si-button ${sort}`, type: "button", onclick: () => this.act(act, detail) }, t(words));
  }
}

/** What was done, in one sentence. @param {import("../wire.js").Plan | null} plan */
function summary(plan) {
  const parts = (plan?.change ? headline(plan.change) : []).map(({ what, count }) =>
    what === "download"
      ? t("flow.did.download", { size: size(count, spoken()) })
      : t(/** @type {import("../words.js").Key} */ (`flow.did.${what}`), { count }),
  );
  const sentence = new Intl.ListFormat(spoken(), { type: "unit" }).format(parts);
  return sentence === "" ? t("flow.done.done") : `${sentence.charAt(0).toLocaleUpperCase(spoken())}${sentence.slice(1)}.`;
}

/** Make the element known to the page. */
export function register() {
  define("safe-install-flow-end", FlowEnd);
}
