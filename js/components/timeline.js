/** Changes and snapshots, newest first, by day. */

import { define, PanelElement } from "../element.js";
import { h } from "../dom.js";
import { moment } from "../model/format.js";
import { byDay, dayOf, packagesOf, packsOf, standingOf } from "../model/timeline.js";
import { spoken, t } from "../words.js";
import { countTags, deedWords, fromTo, icon, movedLists, reasonWords, snapshotName, unseen, when } from "./past_words.js";

/** @typedef {import("../model/timeline.js").Entry} Entry */
/** @typedef {import("../model/timeline.js").ChangeEntry} ChangeEntry */

/**
 * @typedef {object} Shown
 * @property {readonly Entry[]} entries those to be drawn
 * @property {ReadonlySet<string>} undone changes that are not in force any more
 * @property {import("./past_words.js").Known} known
 * @property {string} picked
 * @property {Record<string, string>} permits
 * @property {{id: string, fault: import("../wire.js").Fault} | null} trouble
 */

/** @type {Record<import("../model/timeline.js").Standing, string>} */
const TONES = { committed: "good", "rolled-back": "bad", waiting: "info", open: "warn", damaged: "bad" };

/** @extends {PanelElement<Shown>} */
export class Timeline extends PanelElement {
  /** What is unfolded. @type {Set<string>} */
  #open = new Set();

  /** @override @param {Shown} data */
  render({ entries }) {
    return byDay(entries).map(({ day, at, entries: those }) =>
      h(
        "section",
        { class: "si-day", key: day },
        h("h4", null, dayWords(day, at)),
        h(
          "ol",
          { class: "si-plain si-entries" },
          those.map((each) => h("li", { key: each.id, class: "si-entry" }, each.kind === "change" ? this.#change(each) : this.#snapshot(each))),
        ),
      ),
    );
  }

  /** @param {ChangeEntry} entry */
  #change({ id, at, change, snapshot }) {
    const { undone, known } = this.data;
    const standing = standingOf(change);
    const isUndone = undone.has(id);
    const packages = packagesOf(change);
    return [
      h("div", { class: "si-entry-head" }, h("h5", null, deedWords(change.operation, known)), when(at)),
      h(
        "div",
        { class: "si-row" },
        isUndone
          ? h("span", { class: "si-tag" }, t("past.undone"))
          : h("span", { class: `si-tag ${TONES[standing]}` }, t(`past.state.${standing}`)),
        standing === "committed" && countTags(packages),
        snapshot && this.#marks(snapshot),
      ),
      change.problem !== "" && h("p", null, change.problem),
      standing === "rolled-back" && h("p", null, change.reason || t("past.no-reason"), " ", t("past.nothing-changed")),
      standing === "waiting" && this.#giveUp(id, deedWords(change.operation, known)),
      standing === "open" && h("p", null, t("past.open-what")),
      packages.length + packsOf(change).length > 0 && this.#details(id, change),
      standing === "committed" && (snapshot ? this.#tools(snapshot, true) : h("p", { class: "si-muted si-small" }, t("past.no-way-back"))),
    ];
  }

  /** @param {string} id @param {string} name */
  #giveUp(id, name) {
    const { permits, trouble } = this.data;
    const closed = permits["cancel-waiting"] ?? "";
    return [
      closed !== "" && h("p", { class: "si-muted" }, closed),
      h(
        "div",
        { class: "si-row" },
        h("button", { class: "si-button", type: "button", disabled: closed !== "", onclick: () => this.act("past.giveUp", { id }) }, t("past.give-up"), unseen(name)),
      ),
      trouble?.id === id && h("safe-install-fault", { data: { fault: trouble.fault } }),
    ];
  }

  /** @param {string} id @param {import("../wire.js").Transaction} change */
  #details(id, change) {
    const packs = packsOf(change);
    return h(
      "details",
      {
        ontoggle: (/** @type {Event} */ event) => {
          if (/** @type {HTMLDetailsElement} */ (event.currentTarget).open) this.#open.add(id);
          else this.#open.delete(id);
          this.update();
        },
      },
      h("summary", null, t("past.what")),
      this.#open.has(id) &&
        h(
          "div",
          { class: "si-stack si-inner" },
          h("p", { class: "si-muted" }, t("past.at", { time: moment(change.ended || change.started, spoken()) })),
          packs.length > 0 && h("ul", { "aria-label": t("past.packs-of") }, packs.map((each) => h("li", null, each.name, " ", h("span", { class: "si-muted" }, fromTo(each))))),
          movedLists(packagesOf(change), packagesOf(change).length <= 12),
        ),
    );
  }

  /** @param {import("../model/timeline.js").SnapshotEntry} entry */
  #snapshot({ at, snapshot }) {
    const { known } = this.data;
    return [
      h("div", { class: "si-entry-head" }, h("h5", null, snapshotName(snapshot, known)), when(at)),
      snapshot.label !== "" && h("p", { class: "si-muted" }, reasonWords(snapshot, known)),
      h(
        "div",
        { class: "si-row" },
        h("span", { class: "si-tag" }, t("past.snapshot")),
        this.#marks(snapshot),
        h("span", { class: "si-muted si-small" }, `${t("past.packs", { count: snapshot.packs })}, ${t("past.distributions", { count: snapshot.distributions })}`),
      ),
      this.#tools(snapshot, false),
    ];
  }

  /** What is special about a snapshot. @param {import("../wire.js").SnapshotSummary} snapshot */
  #marks(snapshot) {
    return [
      snapshot.label !== "" && h("span", { class: "si-tag info" }, icon("pi-tag"), snapshot.label),
      snapshot.pinned && h("span", { class: "si-tag info" }, icon("pi-thumbtack"), t("past.pinned")),
      snapshot.full && h("span", { class: "si-tag good" }, icon("pi-copy"), t("past.full")),
      snapshot.id === this.data.picked && h("span", { class: "si-tag warn" }, t("past.picked")),
    ];
  }

  /** @param {import("../wire.js").SnapshotSummary} snapshot @param {boolean} before */
  #tools(snapshot, before) {
    const { picked, permits, trouble, known } = this.data;
    const fault = trouble?.id === snapshot.id ? trouble.fault : null;
    return h("safe-install-snapshot", { key: snapshot.id, data: { snapshot, before, picked, permits, trouble: fault, known } });
  }
}

/** @param {string} day @param {string} at */
function dayWords(day, at) {
  if (day === "") return t("past.no-day");
  const now = new Date();
  if (day === dayOf(now.toISOString())) return t("past.today");
  now.setDate(now.getDate() - 1);
  if (day === dayOf(now.toISOString())) return t("past.yesterday");
  return new Intl.DateTimeFormat(spoken(), { dateStyle: "full" }).format(new Date(at));
}

/** Make the element known to the page. */
export function register() {
  define("safe-install-timeline", Timeline);
}
