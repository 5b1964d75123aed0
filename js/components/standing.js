/** What stands over all tabs: how it stands with ComfyUI, and what waits for the user. Nothing where all is well. */

import { define, PanelElement } from "../element.js";
import { h } from "../dom.js";
import { ago, moment } from "../model/format.js";
import { notices } from "../model/standing.js";
import { named, spoken, t } from "../words.js";

/** @typedef {import("../model/standing.js").Notice} Notice */
/** @typedef {import("../model/standing.js").Offer} Offer */
/** @typedef {import("../model/standing.js").Waiting} Waiting */
/** @typedef {import("../words.js").Key} Key */

const ICONS = { good: "pi-check-circle", info: "pi-info-circle", warn: "pi-exclamation-triangle", bad: "pi-times-circle" };
/** What says everything in its title. */
const TITLE_ONLY = new Set(["connecting", "waiting"]);
const MOVES = new Set(["connecting", "restarting", "slow-restart", "elsewhere", "other-window"]);
/** So many lines are shown; the others are counted. */
const LINES = 30;

/** @extends {PanelElement<import("../state.js").State>} */
export class Standing extends PanelElement {
  /** @override @param {import("../state.js").State} state */
  render(state) {
    const { status, connection } = state;
    // How an install ended says by itself what it still needs.
    const ended = state.view === "install" && state.flow.step === "done";
    const said = notices(state, Date.now()).filter(({ id }) => !(ended && (id === "restart-due" || id === "reload-due")));
    const fault = connection === "online" ? status.fault : null;
    if (said.length === 0 && !fault) return null;
    return h(
      "section",
      { class: "si-stack si-standing", "aria-label": t("standing.label") },
      fault && h("safe-install-fault", { key: "fault", data: { fault, again: "standing.refresh" } }),
      said.map((each) => this.#notice(each)),
    );
  }

  /** @param {Notice} notice */
  #notice(notice) {
    const { id, tone, values, lines = [], hints = [], named: codes, waiting = [], offers } = notice;
    const words = { ...values, ...times(values) };
    const title = h(
      "h3",
      { class: "si-standing-title" },
      h("span", { class: `pi ${MOVES.has(id) ? "pi-spin pi-spinner" : ICONS[tone]} si-standing-icon`, "aria-hidden": "true" }),
      h("span", { class: "si-grow" }, t(/** @type {Key} */ (`standing.${id}.title`), words)),
    );
    if (id === "permits") {
      return h("details", { class: "si-muted si-small", key: id }, h("summary", null, t("standing.permits.title", words)), list(denials(codes)));
    }
    const text = TITLE_ONLY.has(id) ? null : t(/** @type {Key} */ (`standing.${id}.text`), words);
    return h(
      "div",
      { class: `si-note ${tone}`, key: id },
      title,
      text && h("p", null, text),
      id === "drift" || id === "healed" || lines.length === 0 ? null : list(lines),
      waiting.length > 0 && h("ul", { class: "si-plain si-stack" }, waiting.map((each) => this.#waiting(each))),
      hints.length > 0 && id !== "healed" && id !== "drift" && list(hints),
      (id === "healed" || id === "drift") && folded(id, lines, hints, values),
      offers.length > 0 && h("div", { class: "si-row" }, offers.map((each) => this.#button(each))),
      offers.map(({ denied }) => denied && h("p", { class: "si-muted si-small" }, denied)),
    );
  }

  /** @param {Waiting} change */
  #waiting({ id, operation, since, why, said, offer }) {
    return h(
      "li",
      { key: id, class: "si-row" },
      h(
        "span",
        { class: "si-grow" },
        operation,
        h("span", { class: "si-muted si-small" }, " · ", ago(since, Date.now(), spoken()), why && ` · ${named("standing.why.", why)}`),
        said && h("span", { class: "si-small si-standing-said" }, said),
      ),
      this.#button(offer, t("standing.deed.give-up-of", { operation })),
    );
  }

  /** @param {Offer} offer @param {string} [label] where the word alone does not tell which */
  #button({ act, detail, word, primary, denied }, label) {
    return h(
      "button",
      {
        key: word,
        type: "button",
        class: `si-button${primary ? " primary" : ""}${word === "force" ? " danger" : ""}`,
        disabled: denied !== undefined,
        "aria-label": label,
        onclick: () => this.act(act, detail),
      },
      t(/** @type {Key} */ (`standing.deed.${word}`)),
    );
  }
}

/** @param {readonly string[]} lines */
function list(lines) {
  const more = lines.length - LINES;
  return h(
    "ul",
    { class: "si-small" },
    lines.slice(0, LINES).map((line) => h("li", null, line)),
    more > 0 && h("li", null, t("standing.more", { count: more })),
  );
}

/** @param {"healed" | "drift"} id @param {readonly string[]} lines @param {readonly string[]} hints @param {Notice["values"]} values */
function folded(id, lines, hints, values) {
  if (lines.length + hints.length === 0 && !values.at) return null;
  return h(
    "details",
    null,
    h("summary", null, id === "drift" ? t("standing.drift.what") : t("common.details")),
    values.at && h("p", { class: "si-small" }, t("standing.healed.at", { at: moment(String(values.at), spoken()) })),
    lines.length > 0 && list(lines),
    hints.length > 0 && [h("p", { class: "si-muted si-small" }, t("common.hints")), list(hints)],
  );
}

/** @param {Readonly<Record<string, string>>} [codes] */
function denials(codes = {}) {
  return Object.entries(codes).map(([deed, why]) => `${named("standing.may.", deed)}: ${why}`);
}

/** Times as people read them. @param {Notice["values"]} values */
function times({ since }) {
  return { since: typeof since === "string" && since !== "" ? ago(since, Date.now(), spoken()) : "" };
}

/** Make the element known to the page. */
export function register() {
  define("safe-install-standing", Standing);
}
