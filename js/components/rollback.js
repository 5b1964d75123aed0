/** Going back: what it takes, one confirmation, how far it is, and how it ended. */

import { define, PanelElement } from "../element.js";
import { h } from "../dom.js";
import { consentsOf, isThereAlready } from "../model/going_back.js";
import { moment } from "../model/format.js";
import { spoken, t } from "../words.js";
import { sideName } from "./past_words.js";

/** @typedef {import("../actions/going_back.js").Preview} Preview */
/** @typedef {import("../wire.js").Plan} Plan */

/**
 * `job`: the one that plans or goes back, as far as it was heard of. `refused`: why going back may not be asked for here.
 *
 * @typedef {{preview: Preview, job: import("../wire.js").Job | import("../wire.js").JobSummary | null, known: import("./past_words.js").Known, refused: string}} Shown
 */

/** @extends {PanelElement<Shown>} */
export class RollbackView extends PanelElement {
  /** @override @param {Shown} data */
  render({ preview, job, known, refused }) {
    const { phase, plan, ended } = preview;
    return h(
      "div",
      { class: "si-stack" },
      h("h3", { tabindex: "-1", "data-heading": true }, this.#title(preview, known)),
      phase === "planning" && [
        h("p", { role: "status" }, t("past.back.plans")),
        job && h("safe-install-progress", { data: { job, title: t("past.back.plan") } }),
        this.#buttons(this.#back()),
      ],
      phase === "ready" && plan && this.#plan(preview, plan, refused),
      phase === "applying" && (job ? h("safe-install-progress", { data: { job, title: t("past.back.runs") } }) : h("p", { role: "status" }, t("past.back.begins"))),
      phase === "done" && ended && this.#done(ended),
      phase === "failed" && this.#failed(preview),
    );
  }

  /** @param {Preview} preview @param {Shown["known"]} known */
  #title({ phase, goal, plan }, known) {
    if (phase === "done") return t("past.back.done-title");
    if (phase === "failed") return t("past.back.failed-title");
    const id = plan?.rollback?.snapshot ?? goal.snapshot;
    if (id) return t("past.back.title", { name: sideName(id, known) });
    return t(goal.transaction ? "past.back.title-change" : "past.back.title-last");
  }

  /** @param {Preview} preview @param {Plan} plan @param {string} refused */
  #plan({ agreed, renewed }, plan, refused) {
    const { rollback } = plan;
    if (rollback && isThereAlready(plan)) {
      return [h("p", { class: "si-note good", role: "status" }, t("past.back.there")), this.#buttons(this.#back())];
    }
    const consents = consentsOf(plan);
    const isAgreed = consents.every(({ words }) => agreed.includes(words));
    const isClosed = plan.refused || plan.empty || refused !== "";
    return [
      renewed && h("p", { class: "si-note warn", role: "alert" }, t("past.back.renewed")),
      rollback && h("p", { class: "si-muted" }, t("past.at", { time: moment(rollback.created, spoken()) })),
      rollback && h("safe-install-restorations", { data: rollback }),
      plan.empty && h("p", { class: "si-note bad" }, t("past.back.nothing-can")),
      consents.length > 0 &&
        !plan.empty &&
        h(
          "fieldset",
          { class: "si-card warn" },
          h("legend", { class: "si-legend" }, t("past.back.needs-yes")),
          consents.map(({ code, count, names, words }) =>
            h(
              "label",
              { class: "si-check" },
              h("input", {
                type: "checkbox",
                checked: agreed.includes(words),
                onchange: (/** @type {Event} */ event) => this.act("past.agree", { words, yes: /** @type {HTMLInputElement} */ (event.target).checked }),
              }),
              h("span", null, code === "" ? words : t(`past.back.yes.${code}`, { count, names })),
            ),
          ),
        ),
      h("p", { class: "si-muted" }, t("past.back.undoable")),
      refused !== "" && h("p", { class: "si-note warn", id: "si-back-refused" }, refused),
      this.#buttons([
        h(
          "button",
          {
            class: "si-button primary",
            type: "button",
            disabled: isClosed || !isAgreed,
            "aria-describedby": refused === "" ? undefined : "si-back-refused",
            onclick: () => this.act("past.confirm"),
          },
          t("past.back.confirm"),
        ),
        this.#back(t("common.cancel")),
      ]),
      !isAgreed && !isClosed && h("p", { class: "si-muted si-small" }, t("past.back.tick")),
    ];
  }

  /** @param {import("../wire.js").Job} job */
  #done(job) {
    const { result } = job;
    const reasons = strings(result?.restart_reasons);
    const isDeferred = Boolean(/** @type {{deferred?: unknown} | null} */ (result?.applied)?.deferred);
    const isSkipped = job.status?.status_str === "skip";
    const restart = job.restart ?? "none";
    if (isSkipped) return [h("p", { class: "si-note good", role: "status" }, t("past.back.there")), this.#buttons(this.#back())];
    return [
      h("p", { class: "si-note good", role: "status" }, t(isDeferred ? "past.back.waits" : "past.back.done")),
      h(
        "div",
        { class: restart === "none" ? "si-note" : "si-note info" },
        h("p", null, t(`past.back.then.${restart}`)),
        reasons.length > 0 && h("ul", null, reasons.map((each) => h("li", null, each))),
        this.#buttons([
          restart === "restart" && this.#button(t("past.back.restart"), "standing.restart", { force: false }, "primary"),
          restart === "reload" && this.#button(t("past.back.reload"), "standing.reload", {}, "primary"),
        ]),
      ),
      this.#buttons([
        !isDeferred && this.#button(t("past.back.undo-this"), job.transaction_id ? "past.undoChange" : "past.undo", { transaction: job.transaction_id }),
        this.#back(t("past.back.to-list")),
      ]),
    ];
  }

  /** @param {Preview} preview */
  #failed({ fault, began, ended }) {
    const isCancelled = ended?.state === "cancelled";
    return [
      h(
        "p",
        { class: isCancelled ? "si-note" : "si-note bad", role: "status" },
        t(isCancelled ? "past.back.cancelled" : began ? "past.back.unchanged" : "past.back.no-plan"),
      ),
      fault && !isCancelled && h("safe-install-fault", { data: { fault } }),
      this.#buttons([this.#button(t("past.back.plan-again"), "past.planAgain", {}, "primary"), this.#back(t("past.back.to-list"))]),
    ];
  }

  /** @param {import("../dom.js").Child} children */
  #buttons(children) {
    return h("div", { class: "si-row" }, children);
  }

  /** @param {string} words @param {string} name @param {Record<string, unknown>} detail @param {string} [look] */
  #button(words, name, detail, look = "") {
    return h("button", { class: `si-button ${look}`.trim(), type: "button", onclick: () => this.act(name, detail) }, words);
  }

  /** @param {string} [words] */
  #back(words = t("common.back")) {
    return this.#button(words, "past.list", {});
  }
}

/** @param {unknown} value @returns {string[]} */
function strings(value) {
  return Array.isArray(value) ? value.map(String) : [];
}

/** Make the element known to the page. */
export function register() {
  define("safe-install-rollback", RollbackView);
}
