/** The plan in plain words, with everything that is to be decided, and the button that has it done. */

import { define, PanelElement } from "../element.js";
import { h } from "../dom.js";
import { size } from "../model/format.js";
import { answeredBy, byCode, canBeApplied, conflicts, consents, headline, plainFindings, troubled } from "../model/plan.js";
import { named, spoken, t } from "../words.js";

/** @typedef {import("../actions/flow.js").Flow} Flow */
/** @typedef {import("../wire.js").Plan} Plan */
/** @typedef {import("../wire.js").ChangePlan} ChangePlan */

/** @extends {PanelElement<{flow: Flow}>} */
export class FlowPlan extends PanelElement {
  /** @override @param {{flow: Flow}} data */
  render({ flow }) {
    const { plan } = flow;
    if (plan === null) return null;
    const { change } = plan;
    return h(
      "div",
      { class: "si-stack" },
      flow.note !== "" && h("p", { class: "si-note info", role: "status", key: "note" }, flow.note),
      h("p", { class: "si-flow-headline", key: "headline" }, summary(plan)),
      this.#facts(plan),
      change && this.#refusals(change),
      change && this.#troubled(change),
      change && !plan.empty && h("safe-install-flow-changes", { key: "changes", data: change }),
      this.#items(plan),
      change && this.#conflicts(change, flow.policy),
      change && this.#broken(change),
      this.#findings(change?.findings ?? plan.repair?.findings ?? plan.rollback?.findings ?? []),
      h("safe-install-flow-consents", {
        key: "consents",
        data: { plan, agreed: flow.agreed, allow: flow.allow, asked: flow.asked },
      }),
      this.#buttons(plan, flow.agreed),
    );
  }

  /** @param {Plan} plan */
  #facts({ restart, restart_reasons: reasons, empty }) {
    if (empty) return null;
    const words = /** @type {import("../words.js").Key} */ (`flow.need.${restart}`);
    return h(
      "div",
      { key: "facts" },
      h("p", null, t(words)),
      reasons.length > 0 && h("ul", { class: "si-muted si-small" }, reasons.map((each) => h("li", null, each))),
    );
  }

  /** Why it cannot be done as it is; what an allowance answers is asked below. @param {ChangePlan} change */
  #refusals({ refusals }) {
    if (refusals.length === 0) return null;
    const final = refusals.filter((each) => answeredBy(each) === null);
    return h(
      "section",
      { class: "si-note bad", key: "refusals", "aria-labelledby": "si-flow-refused" },
      h("h4", { id: "si-flow-refused" }, t("flow.refused.title")),
      h("safe-install-flow-findings", { data: final.length > 0 ? final : refusals }),
      final.length < refusals.length && h("p", null, t("flow.refused.below")),
    );
  }

  /** @param {ChangePlan} change */
  #troubled(change) {
    const packs = troubled(change);
    if (packs.length === 0) return null;
    return h(
      "section",
      { class: "si-note warn", key: "troubled", "aria-labelledby": "si-flow-troubled" },
      h("h4", { id: "si-flow-troubled" }, t("flow.troubled.title")),
      packs.map(({ name, status, findings }) => [
        h("p", null, `${name}: ${named("flow.troubled.", status)}`),
        h("safe-install-flow-findings", { data: findings }),
      ]),
    );
  }

  /** Of a repair or of going back. @param {Plan} plan */
  #items({ repair, rollback }) {
    const items = repair
      ? repair.items.map(({ name, to, why }) => `${name} ${to} – ${why}`)
      : (rollback?.items ?? []).map(({ name, from, to }) => `${name}: ${from} → ${to}`);
    return items.length > 0 && h("ul", { key: "items" }, items.map((each) => h("li", null, each)));
  }

  /** @param {ChangePlan} change @param {Flow["policy"]} policy */
  #conflicts(change, policy) {
    const { contested, settled } = conflicts(change);
    if (contested.length === 0 && settled.length === 0) return null;
    return h(
      "section",
      { class: "si-stack", key: "conflicts", "aria-label": t("flow.conflicts.title", { count: contested.length }) },
      contested.length > 0 && h("h4", null, t("flow.conflicts.title", { count: contested.length })),
      contested.some(({ alternatives }) => alternatives.length > 0) && this.#policy(policy),
      contested.map((decision) => h("safe-install-flow-conflict", { key: decision.package, data: decision })),
      settled.length > 0 &&
        h(
          "details",
          { key: "settled" },
          h("summary", null, t("flow.settled.title", { count: settled.length })),
          h("ul", { class: "si-small" }, settled.map((each) => h("li", null, `${each.package}: ${each.chosen}. ${each.reason}`))),
        ),
    );
  }

  /** @param {Flow["policy"]} policy */
  #policy(policy) {
    return h(
      "label",
      { class: "si-stack si-flow-label", key: "policy" },
      h("span", null, t("flow.policy.label")),
      h(
        "select",
        {
          class: "si-select",
          value: policy,
          onchange: (/** @type {Event} */ event) =>
            this.act("flow.policy", { policy: /** @type {HTMLSelectElement} */ (event.target).value }),
        },
        h("option", { value: "newest" }, t("flow.policy.newest")),
        h("option", { value: "fewest-broken" }, t("flow.policy.fewest-broken")),
      ),
    );
  }

  /** @param {ChangePlan} change */
  #broken({ library_lines_broken: lines }) {
    const fresh = lines.filter(({ already }) => !already);
    if (fresh.length === 0) return null;
    return h(
      "details",
      { key: "broken", class: "si-note warn" },
      h("summary", null, t("flow.library.title", { count: fresh.length })),
      h("ul", null, fresh.map((line) => h("li", null, t("flow.library.line", { package: line.package, requirement: line.requirement })))),
    );
  }

  /** @param {readonly import("../wire.js").Finding[]} findings */
  #findings(findings) {
    const plain = plainFindings(findings);
    if (plain.length === 0) return null;
    const sorted = byCode(plain).flatMap((group) => group.findings);
    return h(
      "details",
      { key: "findings", open: sorted.some(({ code }) => code === "choice-not-possible") },
      h("summary", null, t("flow.findings.title", { count: plain.length })),
      h("safe-install-flow-findings", { data: sorted }),
    );
  }

  /** @param {Plan} plan @param {readonly string[]} agreed */
  #buttons(plan, agreed) {
    const left = consents(plan).filter(({ key }) => !agreed.includes(key)).length;
    const ready = canBeApplied(plan, agreed);
    const why = plan.refused ? t("flow.install.refused") : left > 0 ? t("flow.install.left", { count: left }) : "";
    return h(
      "div",
      { class: "si-flow-actions", key: "actions" },
      !plan.empty && why !== "" && h("p", { class: "si-small", id: "si-flow-why", "aria-live": "polite" }, why),
      h(
        "div",
        { class: "si-row" },
        !plan.empty &&
          h(
            "button",
            {
              class: "si-button primary",
              type: "button",
              disabled: !ready,
              "aria-describedby": why !== "" ? "si-flow-why" : undefined,
              onclick: () => this.act("flow.install"),
            },
            t(plan.kind === "tasks" && plan.change?.pack_changes.every(({ action }) => action === "add") ? "flow.install.button" : "flow.install.do"),
          ),
        h("button", { class: "si-button", type: "button", onclick: () => this.act("flow.back") }, t("common.back")),
      ),
    );
  }
}

/** The plan in one sentence. @param {Plan} plan */
function summary(plan) {
  if (plan.empty) return t("flow.plan.empty");
  const parts = (plan.change ? headline(plan.change) : []).map(({ what, count }) =>
    what === "download"
      ? t("flow.sum.download", { size: size(count, spoken()) })
      : t(/** @type {import("../words.js").Key} */ (`flow.sum.${what}`), { count }),
  );
  const sentence = new Intl.ListFormat(spoken(), { type: "unit" }).format(parts);
  return sentence === "" ? t("flow.sum.other") : `${sentence.charAt(0).toLocaleUpperCase(spoken())}${sentence.slice(1)}.`;
}

/** Make the element known to the page. */
export function register() {
  define("safe-install-flow-plan", FlowPlan);
}
