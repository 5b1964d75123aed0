/** The packs the open workflow lacks, what each brings, and choices where several have a node. */

import { define, PanelElement } from "../element.js";
import { h } from "../dom.js";
import { named, t } from "../words.js";

/** @typedef {import("../wire.js").MissingCandidate} Candidate */
/** @typedef {import("../wire.js").MissingChoice} Choice */
/** @typedef {import("../wire.js").Missing} Missing */
/** @typedef {{missing: import("../actions/missing.js").MissingHere, permits: Readonly<Record<string, string>>}} Shown */

/** @extends {PanelElement<Shown>} */
export class MissingView extends PanelElement {
  /** @override @param {Shown} shown */
  render({ missing, permits }) {
    const { phase, found, fault, dismissed, types, choose } = missing;
    if (dismissed || types.length === 0) return null;
    return h(
      "section",
      { class: "si-card info", "aria-labelledby": "si-missing-title" },
      h("h3", { id: "si-missing-title" }, t("missing.title", { count: types.length })),
      phase === "looking" && !found && h("p", { class: "si-muted", role: "status" }, t("missing.looking")),
      fault && h("safe-install-fault", { data: { fault, again: "missing.look" } }),
      found && this.#found(found, choose, permits),
      h("button", { key: "dismiss", class: "si-button quiet", type: "button", onclick: () => this.act("missing.dismiss") }, t("missing.dismiss")),
    );
  }

  /** @param {Missing} found @param {Readonly<Record<string, string>>} choose @param {Shown["permits"]} permits */
  #found({ packs, choices, types, findings, tasks }, choose, permits) {
    const asked = new Set([...packs.flatMap((each) => each.types), ...choices.flatMap((each) => each.types)]);
    const others = types.filter(({ name, missing }) => missing && !asked.has(name));
    const kinds = [...new Set(tasks.map(({ kind }) => kind))];
    const denied = kinds.map((kind) => permits[kind]).find((why) => why !== undefined);
    return [
      packs.length > 0 &&
        h(
          "ul",
          { class: "si-plain si-stack" },
          packs.map((each) =>
            h(
              "li",
              { key: each.subject },
              h("div", { class: "si-row" }, h("strong", null, each.name), h("span", { class: "si-tag" }, named("missing.action.", each.action))),
              h("p", { class: "si-muted si-small" }, t("missing.brings", { types: each.types.join(", ") })),
              from(each),
              each.why.includes("chosen") &&
                h(
                  "button",
                  { class: "si-button quiet", type: "button", onclick: () => this.act("missing.choose", { types: each.types, subject: "" }) },
                  t("missing.otherwise"),
                ),
            ),
          ),
        ),
      choices.map((each, at) => this.#choice(each, at, choose)),
      others.length > 0 && [
        h("h4", null, t("missing.others")),
        h("ul", { class: "si-small" }, others.map(({ name, state }) => h("li", null, `${name}: ${named("missing.state.", state)}`))),
      ],
      findings.map(({ message }) => h("p", { class: "si-small" }, message)),
      tasks.length > 0 &&
        h(
          "button",
          { class: "si-button primary", type: "button", disabled: denied !== undefined, onclick: () => this.act("missing.all") },
          t("missing.plan", { count: tasks.length }),
        ),
      denied && h("p", { class: "si-muted si-small" }, denied),
    ];
  }

  /** @param {Choice} choice @param {number} at @param {Readonly<Record<string, string>>} choose */
  #choice({ types, options }, at, choose) {
    return h(
      "fieldset",
      { key: types.join(), class: "si-stack" },
      h("legend", null, t("missing.choice", { types: types.join(", ") })),
      options.map((each) =>
        h(
          "label",
          { key: each.subject, class: "si-check" },
          h("input", {
            type: "radio",
            name: `si-missing-${at}`,
            checked: choose[types[0] ?? ""] === each.subject,
            onchange: () => this.act("missing.choose", { types, subject: each.subject }),
          }),
          h("span", { class: "si-grow" }, each.name, from(each)),
        ),
      ),
    );
  }
}

/** Where it comes from and how that is known. @param {Candidate} candidate */
function from({ subject, version, why }) {
  const known = why.map((each) => named("missing.why.", each)).join("; ");
  return h("p", { class: "si-muted si-small" }, [subject, version, known].filter(Boolean).join(" · "));
}

/** Make the element known to the page. */
export function register() {
  define("safe-install-missing", MissingView);
}
