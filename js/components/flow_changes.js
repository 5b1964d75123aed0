/** What a plan changes: packs, then packages by what happens to them. */

import { define, PanelElement } from "../element.js";
import { h } from "../dom.js";
import { groups, untouched } from "../model/plan.js";
import { named, t } from "../words.js";

/** @typedef {import("../wire.js").ChangePlan} ChangePlan */
/** @typedef {import("../wire.js").Change} Change */
/** @typedef {import("../wire.js").PackChange} PackChange */

/** A group of this many is open from the start. */
const FEW = 6;
const ICONS = { new: "pi-plus", up: "pi-arrow-up", down: "pi-arrow-down", replaced: "pi-refresh", removed: "pi-minus" };

/** @extends {PanelElement<ChangePlan>} */
export class FlowChanges extends PanelElement {
  /** @override @param {ChangePlan} change */
  render(change) {
    const same = untouched(change);
    return h(
      "div",
      { class: "si-stack" },
      change.pack_changes.length > 0 &&
        h(
          "section",
          { "aria-labelledby": "si-flow-packs", key: "packs" },
          h("h4", { id: "si-flow-packs" }, t("flow.changes.packs")),
          h("ul", { class: "si-plain si-flow-rows" }, change.pack_changes.map((pack) => this.#pack(pack))),
        ),
      h(
        "section",
        { "aria-labelledby": "si-flow-packages", key: "packages" },
        h("h4", { id: "si-flow-packages" }, t("flow.changes.packages")),
        groups(change).map(({ group, changes }) => this.#group(group, changes)),
        h("p", { class: "si-muted" }, t(change.changes.length > 0 ? "flow.changes.same" : "flow.changes.all-same", { count: same })),
      ),
    );
  }

  /** @param {PackChange} pack */
  #pack(pack) {
    return h(
      "li",
      { key: pack.name, class: "si-row" },
      h("span", { class: "si-tag" }, named("flow.pack-action.", pack.action)),
      h("span", { class: "si-grow" }, pack.name),
      h("span", { class: "si-muted" }, step(pack)),
    );
  }

  /** @param {string} group @param {Change[]} changes */
  #group(group, changes) {
    const icon = ICONS[/** @type {keyof typeof ICONS} */ (group)] ?? "pi-refresh";
    return h(
      "details",
      { key: group, open: changes.length <= FEW },
      h(
        "summary",
        null,
        h("span", { class: `pi ${icon} si-flow-icon`, "aria-hidden": "true" }),
        `${named("flow.group.", group)} (${changes.length})`,
      ),
      h("ul", { class: "si-plain si-flow-rows" }, changes.map((change) => this.#change(change))),
    );
  }

  /** @param {Change} change */
  #change(change) {
    return h(
      "li",
      { key: change.name },
      h("span", { class: "si-flow-name" }, change.name),
      h("span", { class: "si-mono" }, ` ${step(change)}`),
      change.wanted_by.length > 0 &&
        h("span", { class: "si-muted si-small" }, ` ${t("flow.changes.for", { packs: change.wanted_by.map(packWords).join(", ") })}`),
    );
  }
}

/** What no pack asks for has a name of its own in the engine (`UNCLAIMED`). @param {string} pack */
function packWords(pack) {
  return pack === "(installed)" ? t("flow.changes.installed") : pack;
}

/** @param {{from: string, to: string}} change */
function step({ from, to }) {
  return from !== "" && to !== "" ? t("flow.changes.step", { from, to }) : to || from;
}

/** Make the element known to the page. */
export function register() {
  define("safe-install-flow-changes", FlowChanges);
}
