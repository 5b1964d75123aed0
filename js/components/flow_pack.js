/** One pack of the Registry: what it is, which version, and taking it. */

import { define, PanelElement } from "../element.js";
import { h } from "../dom.js";
import { deedOfVersion } from "../model/source.js";
import { t } from "../words.js";

/** @typedef {import("../wire.js").RegistryPack} RegistryPack */
/** @typedef {import("../wire.js").RegistryPackDetail} RegistryPackDetail */
/** @typedef {import("../state.js").Loadable<RegistryPackDetail>} Detail */
/** @typedef {{pack: RegistryPack, detail: Detail | null, version: string, permits: Record<string, string>, collected: boolean}} Data */

const NIGHTLY = "nightly";
/** Versions that are offered; the box takes any as `id@version`. */
const MOST = 40;

/** @extends {PanelElement<Data>} */
export class FlowPack extends PanelElement {
  /** @override @param {Data} data */
  render({ pack, detail, version, permits, collected }) {
    const chosen = version || (pack.unclaimed || pack.latest === "" ? NIGHTLY : "");
    const source = chosen === "" ? pack.id : `${pack.id}@${chosen}`;
    const shown = chosen || pack.latest;
    const forbidden = permits[deedOfVersion(chosen)] ?? "";
    const name = pack.name || pack.id;
    const item = { key: pack.id, name, detail: shown, source };
    return h(
      "article",
      { class: "si-card", "aria-label": name },
      h(
        "div",
        { class: "si-row" },
        h("h5", { class: "si-grow" }, name),
        pack.installed !== "" && h("span", { class: "si-tag good" }, t("flow.pack.installed", { version: pack.installed })),
        statusOf(pack.status) !== "" && h("span", { class: "si-tag bad" }, statusOf(pack.status)),
        pack.unclaimed && h("span", { class: "si-tag warn" }, t("flow.pack.unclaimed")),
      ),
      h(
        "p",
        { class: "si-muted si-small" },
        [pack.author || pack.publisher, pack.latest, pack.downloads > 0 && t("flow.pack.downloads", { count: pack.downloads })]
          .filter((each) => typeof each === "string" && each !== "")
          .join(" · "),
      ),
      pack.description !== "" && h("p", { class: "si-flow-clamp" }, pack.description),
      this.#versions(pack, detail, chosen),
      forbidden !== "" && h("p", { class: "si-flow-forbidden", id: `si-no-${pack.id}` }, forbidden),
      h(
        "div",
        { class: "si-row" },
        h(
          "button",
          {
            class: "si-button primary",
            type: "button",
            disabled: forbidden !== "",
            "aria-label": t("flow.pack.install-name", { name, version: shown }),
            "aria-describedby": forbidden !== "" ? `si-no-${pack.id}` : undefined,
            onclick: () => this.act("flow.start", { sources: [{ kind: "install", params: { source } }], title: `${name} ${shown}` }),
          },
          t("flow.pack.install"),
        ),
        h(
          "button",
          {
            class: "si-button",
            type: "button",
            disabled: forbidden !== "",
            "aria-label": t(collected ? "flow.pack.leave-name" : "flow.pack.collect-name", { name }),
            onclick: () => (collected ? this.act("flow.leave", { key: pack.id }) : this.act("flow.collect", item)),
          },
          t(collected ? "flow.pack.leave" : "flow.pack.collect"),
        ),
        detail === null &&
          h(
            "button",
            {
              class: "si-button quiet",
              type: "button",
              "aria-label": t("flow.pack.versions-name", { name }),
              onclick: () => this.act("flow.versions", { id: pack.id }),
            },
            t("flow.pack.versions"),
          ),
      ),
    );
  }

  /** @param {RegistryPack} pack @param {Detail | null} detail @param {string} chosen */
  #versions(pack, detail, chosen) {
    if (detail === null) return null;
    if (detail.phase === "failed" && detail.fault) {
      return h("safe-install-fault", { data: { fault: detail.fault, again: "flow.versions", detail: { id: pack.id } } });
    }
    const known = detail.value;
    if (known === null) return h("p", { class: "si-muted", role: "status" }, t("common.loading"));
    const version = known.versions.find((each) => each.version === (chosen || pack.latest));
    const judged = chosen === NIGHTLY ? known.nightly : version;
    const told = [...(judged?.refusals ?? []), ...known.findings, ...(judged?.findings ?? [])];
    return [
      h(
        "label",
        { class: "si-stack si-flow-label" },
        h("span", null, t("flow.pack.version")),
        h(
          "select",
          {
            class: "si-select",
            value: chosen,
            onchange: (/** @type {Event} */ event) =>
              this.act("flow.version", { id: pack.id, version: /** @type {HTMLSelectElement} */ (event.target).value }),
          },
          pack.latest !== "" && h("option", { value: "" }, t("flow.pack.newest", { version: pack.latest })),
          known.versions
            .slice(0, MOST)
            .map((each) => h("option", { value: each.version, key: each.version }, optionOf(each))),
          pack.repository !== "" && h("option", { value: NIGHTLY }, t("flow.pack.nightly")),
        ),
      ),
      told.length > 0 &&
        h(
          "div",
          { class: (judged?.refusals ?? []).length > 0 ? "si-note bad" : "si-note warn" },
          h("safe-install-flow-findings", { data: told }),
        ),
    ];
  }
}

/** @param {import("../wire.js").RegistryVersion} version */
function optionOf({ version, status, deprecated }) {
  const words = [statusOf(status), deprecated ? t("flow.pack.deprecated") : ""].filter((each) => each !== "");
  return words.length > 0 ? `${version} (${words.join(", ")})` : version;
}

/** What is wrong by the Registry's account; empty where nothing is. @param {string} status as the Registry writes it */
function statusOf(status) {
  if (/flagged/i.test(status)) return t("flow.pack.flagged");
  if (/banned|deleted/i.test(status)) return t("flow.pack.taken-out");
  if (/pending/i.test(status)) return t("flow.pack.pending");
  return "";
}

/** Make the element known to the page. */
export function register() {
  define("safe-install-flow-pack", FlowPack);
}
