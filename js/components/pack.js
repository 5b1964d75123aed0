/** One installed pack: a row, and when it is opened everything about it. */

import { define, PanelElement } from "../element.js";
import { h } from "../dom.js";
import { moment } from "../model/format.js";
import { deedsOf } from "../model/pack_list.js";
import { named, spoken, t } from "../words.js";
import { register as registerLines } from "./pack_lines.js";

/** @typedef {import("../model/pack_list.js").Row} Row */
/** @typedef {import("../model/pack_list.js").Deed} Deed */
/** @typedef {{row: Row, open: boolean, id: string, permits: Record<string, string>}} Data */

const TONE = { loaded: "good", failed: "bad", "not-loaded": "info", disabled: "" };
const STATE_ICON = { loaded: "pi-check", failed: "pi-times", "not-loaded": "pi-clock", disabled: "pi-ban" };
/** @type {Record<Deed, string>} */
const DEED_ICON = { update: "pi-arrow-up", fix: "pi-wrench", enable: "pi-play", disable: "pi-ban", uninstall: "pi-trash" };

/** @extends {PanelElement<Data>} */
export class PackView extends PanelElement {
  /** @override @param {Data} data */
  render({ row: { pack, unmet, lines }, open, id, permits }) {
    return [
      h(
        "h3",
        null,
        h(
          "button",
          { class: "si-pack-head", type: "button", "aria-expanded": String(open), "aria-controls": open ? id : undefined, onclick: () => this.act("packs.toggle", { path: pack.path }) },
          h("span", { class: `pi ${open ? "pi-chevron-down" : "pi-chevron-right"}`, "aria-hidden": "true" }),
          h("span", { class: "si-grow" }, pack.name),
          h(
            "span",
            { class: "si-row" },
            unmet > 0 && h("span", { class: "si-tag warn" }, h("span", { class: "pi pi-exclamation-triangle", "aria-hidden": "true" }), t("packs.unmet", { count: unmet })),
            h(
              "span",
              { class: `si-tag ${TONE[pack.state]}` },
              h("span", { class: `pi ${STATE_ICON[pack.state]}`, "aria-hidden": "true" }),
              named("packs.state.", pack.state),
            ),
          ),
        ),
      ),
      pack.failure && h("p", { class: "si-pack-failure" }, pack.failure.message),
      open &&
        h(
          "div",
          { class: "si-stack si-pack-body", id },
          pack.failure && pack.failure.log.length > 0 && folded(t("packs.log"), h("pre", { class: "si-log" , tabindex: "0" }, pack.failure.log.join("\n"))),
          this.#values(pack),
          pack.node_types.length > 0 &&
            folded(t("packs.node-types", { count: pack.node_types.length }), h("ul", { class: "si-small" }, pack.node_types.map((type) => h("li", null, type)))),
          !pack.disabled && [h("h4", null, t("packs.lines")), h("safe-install-pack-lines", { data: lines })],
          pack.disabled && h("p", { class: "si-muted" }, t("packs.disabled-wants-nothing")),
          this.#deeds(pack, id, permits),
        ),
    ];
  }

  /** @param {Row["pack"]} pack */
  #values(pack) {
    const brought = pack.brought_by;
    const values = [
      [t("packs.version"), pack.version],
      [t("packs.commit"), pack.commit && (pack.dirty ? t("packs.dirty", { commit: pack.commit }) : pack.commit)],
      [t("packs.remote"), pack.remote],
      [t("packs.path"), pack.path],
      [t("packs.brought-by"), brought ? t("packs.brought", { operation: brought.operation, at: moment(brought.at, spoken()) }) : t("packs.brought-by-nobody")],
    ];
    return h("dl", { class: "si-values" }, values.map(([name, value]) => value && [h("dt", null, name), h("dd", null, value)]));
  }

  /** @param {Row["pack"]} pack @param {string} id @param {Record<string, string>} permits */
  #deeds(pack, id, permits) {
    const brought = pack.brought_by;
    const back = permits["roll-back"] ?? (!brought ? t("packs.no-change") : !brought.snapshot ? t("packs.no-snapshot") : "");
    const deeds = deedsOf(pack).map((deed) => ({
      label: named("packs.do.", deed),
      icon: DEED_ICON[deed],
      not: permits[deed] ?? "",
      does: () => this.act("packs.do", { kind: deed, pack, title: t("packs.doing", { deed: named("packs.do.", deed), pack: pack.name }) }),
    }));
    if (!pack.disabled) {
      deeds.push({
        label: t("packs.do.roll-back"),
        icon: "pi-undo",
        not: back,
        does: () => this.act("past.undoChange", { transaction: brought?.transaction }),
      });
    }
    const reasons = [...new Set(deeds.map(({ not }) => not))].filter(Boolean);
    const reasonId = (/** @type {string} */ not) => `${id}-not-${reasons.indexOf(not)}`;
    return [
      h(
        "div",
        { class: "si-row", role: "group", "aria-label": t("packs.deeds", { pack: pack.name }) },
        deeds.map(({ label, icon, not, does }) =>
          h(
            "button",
            // It keeps the focus, so that its reason is read.
            { class: "si-button", type: "button", "aria-disabled": not ? "true" : undefined, "aria-describedby": not ? reasonId(not) : undefined, onclick: not ? undefined : does },
            h("span", { class: `pi ${icon}`, "aria-hidden": "true" }),
            label,
          ),
        ),
      ),
      reasons.map((not) => {
        const which = deeds.filter((deed) => deed.not === not).map(({ label }) => label);
        return h("p", { class: "si-small si-muted", id: reasonId(not) }, t("packs.not-now", { deeds: which.join(", "), reason: not }));
      }),
    ];
  }
}

/** @param {string} title @param {import("../dom.js").Child} inside */
function folded(title, inside) {
  return h("details", null, h("summary", null, title), inside);
}

/** Make the element known to the page, with those inside it. */
export function register() {
  registerLines();
  define("safe-install-pack", PackView);
}
