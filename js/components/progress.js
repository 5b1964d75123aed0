/** A job that runs: what it is, its steps, a bar, its log, and a way to end it while that is free. */

import { define, PanelElement } from "../element.js";
import { h } from "../dom.js";
import { size } from "../model/format.js";
import { isFree, shareOf, stepsOf } from "../model/stages.js";
import { named, spoken, t } from "../words.js";

/** @typedef {import("../wire.js").Job} Job */
/** @typedef {import("../wire.js").JobSummary} JobSummary */

/**
 * `title`: what it is, where the job's own words would not do. `cancel`: the act that ends it, called with {id}.
 *
 * @typedef {{job: Job | JobSummary, title?: string, cancel?: string}} Shown
 */

/** @type {Record<string, string>} */
const ICONS = { done: "pi-check", now: "pi-spin pi-spinner", ahead: "pi-circle" };

/** @extends {PanelElement<Shown>} */
export class JobProgress extends PanelElement {
  /** @override @param {Shown} data */
  render({ job, title, cancel = "job.cancel" }) {
    const stage = stageWords(job);
    return h(
      "div",
      { class: "si-progress si-card" },
      h("h3", null, title ?? (("operation" in job && job.operation) || named("progress.kind.", job.kind))),
      h(
        "ol",
        { class: "si-plain si-steps" },
        stepsOf(job).map(({ step, at }) =>
          h(
            "li",
            { class: at, "aria-current": at === "now" ? "step" : undefined },
            h("span", { class: `pi ${ICONS[at]}`, "aria-hidden": "true" }),
            t(`progress.step.${step}`),
            at === "done" && h("span", { class: "si-unseen" }, t("progress.step-done")),
          ),
        ),
      ),
      h("p", { role: "status" }, stage),
      this.#bar(job, stage),
      isFree(job) &&
        h(
          "div",
          { class: "si-row" },
          h("button", { class: "si-button", type: "button", onclick: () => this.act(cancel, { id: job.id }) }, t("common.cancel")),
          h("span", { class: "si-muted si-small si-grow" }, t("progress.free")),
        ),
      "log" in job && job.log.length > 0 && this.#log(job.log),
    );
  }

  /** @param {JobSummary} job @param {string} stage */
  #bar(job, stage) {
    const share = shareOf(job);
    const percent = share === null ? undefined : Math.round(share * 100);
    return [
      h(
        "div",
        {
          class: "si-bar",
          role: "progressbar",
          "aria-label": stage,
          "aria-valuemin": "0",
          "aria-valuemax": "100",
          "aria-valuenow": percent,
        },
        h("div", { class: percent === undefined ? "unknown" : undefined, style: percent === undefined ? undefined : `width: ${percent}%` }),
      ),
      share !== null && h("p", { class: "si-muted si-small" }, amountWords(job)),
    ];
  }

  /** @param {readonly string[]} log */
  #log(log) {
    return h(
      "details",
      null,
      h("summary", null, t("progress.log", { count: log.length })),
      h("pre", { class: "si-log", tabindex: "0", role: "region", "aria-label": t("progress.log-name") }, log.join("\n")),
    );
  }

  /** The newest line is seen, unless the user looks at older ones. @override */
  drawn() {
    const log = this.querySelector("pre");
    if (!log) return;
    const followed = Number(log.dataset.height ?? 0) - log.scrollTop - log.clientHeight < 30;
    if (followed) log.scrollTop = log.scrollHeight;
    log.dataset.height = String(log.scrollHeight);
  }
}

/** @param {Job | JobSummary} job */
function stageWords(job) {
  if (job.state === "queued") return t("progress.queued");
  if (job.state === "cancelling") return t("progress.cancelling");
  if (!job.stage) return t("progress.begins");
  const words = named("progress.stage.", job.stage.name);
  return words === job.stage.name ? job.stage.text : words;
}

/** @param {JobSummary} job */
function amountWords({ progress }) {
  const { done = 0, total = 0, under_way: underWay = 0, unit = "" } = progress ?? {};
  if (unit !== "bytes") return t("progress.count", { done, total, unit: named("progress.unit.", unit) });
  const here = Math.min(done + underWay, Math.max(done, total));
  return t("progress.bytes", { done: size(here, spoken()), total: size(total, spoken()) });
}

/** Make the element known to the page. */
export function register() {
  define("safe-install-progress", JobProgress);
}
