/** The tab "History": what was done and is kept, comparing, and going back. */

import { define, PanelElement } from "../element.js";
import { h } from "../dom.js";
import { matches, takenBack, timeline } from "../model/timeline.js";
import { t } from "../words.js";
import { register as diff } from "./diff.js";
import { icon, sideName } from "./past_words.js";
import { register as restorations } from "./restorations.js";
import { register as rollback } from "./rollback.js";
import { register as snapshot } from "./snapshot.js";
import { register as timelineElement } from "./timeline.js";

/** @typedef {import("../state.js").State} State */
/** @typedef {import("../actions/past.js").Read} Read */
/** @typedef {{read: Read | null, entries: readonly import("../model/timeline.js").Entry[], undone: ReadonlySet<string>, known: import("./past_words.js").Known}} Made */

const RUNNING = new Set(["queued", "running", "cancelling"]);

/** @extends {PanelElement<State>} */
export class History extends PanelElement {
  /** What the drawing of the list is made of, as long as that was not read anew. @type {Made} */
  #made = { read: null, entries: [], undone: new Set(), known: new Map() };

  /** @override */
  attached() {
    this.act("past.load");
    this.act("past.resume");
  }

  /** @override @param {State} state */
  render({ past, status, jobs }) {
    const made = this.#make(past.read.value);
    const permits = status.value?.permits ?? {};
    const refused = permits["roll-back"] ?? "";
    if (past.step === "preview" && past.preview) {
      const job = jobs[past.preview.job] ?? null;
      return h("safe-install-rollback", { key: "preview", data: { preview: past.preview, job, known: made.known, refused } });
    }
    if (past.step === "diff" && past.diff) return h("safe-install-diff", { key: "diff", data: { diff: past.diff, known: made.known } });
    return h("div", { class: "si-stack", key: "list" }, this.#list(made, permits, refused));
  }

  /** @param {Made} made @param {Record<string, string>} permits @param {string} refused */
  #list({ entries, undone, known }, permits, refused) {
    const { past, jobs } = this.data;
    const { read } = past;
    const found = entries.filter((each) => matches(each, past.typed));
    const running = Object.values(jobs).filter((each) => RUNNING.has(each.state) && each.kind !== "plan");
    const more = found.length > past.shown || (past.typed === "" && (read.value?.more.changes || read.value?.more.snapshots));
    return [
      h("h3", { id: "si-past", tabindex: "-1" }, t("panel.history")),
      refused !== "" && h("p", { class: "si-note warn", id: "si-past-refused" }, refused),
      running.map((job) => h("safe-install-progress", { key: job.id, data: { job } })),
      this.#tools(entries, undone, refused),
      past.picked !== "" &&
        h(
          "div",
          { class: "si-note info", role: "status" },
          h("p", null, t("past.pick-other", { name: sideName(past.picked, known) })),
          h("div", { class: "si-row" }, h("button", { class: "si-button", type: "button", onclick: () => this.act("past.pick", { id: "" }) }, t("common.cancel"))),
        ),
      read.fault && h("safe-install-fault", { data: { fault: read.fault, again: "past.load" } }),
      (read.value?.findings ?? []).map((each) => h("p", { class: "si-note warn" }, each.message)),
      read.value === null && read.fault === null && h("p", { role: "status" }, t("common.loading")),
      read.value !== null && entries.length === 0 && h("p", { class: "si-muted" }, t("past.empty")),
      entries.length > 0 && found.length === 0 && h("p", { role: "status" }, t(read.phase === "loading" ? "common.loading" : "past.none-found", { typed: past.typed })),
      h("safe-install-timeline", {
        data: { entries: found.slice(0, past.shown), undone, known, picked: past.picked, permits, trouble: past.trouble },
      }),
      more && h("button", { class: "si-button", type: "button", disabled: read.phase === "loading", onclick: () => this.act("past.more") }, t("common.more")),
    ];
  }

  /** @param {readonly import("../model/timeline.js").Entry[]} entries @param {ReadonlySet<string>} undone @param {string} refused */
  #tools(entries, undone, refused) {
    const { past, status } = this.data;
    const closed = status.value?.permits["take-snapshot"] ?? "";
    const isAny = entries.some((each) => each.kind === "change" && each.change.state === "committed" && !undone.has(each.id));
    return [
      h(
        "div",
        { class: "si-row" },
        h(
          "button",
          {
            class: "si-button primary",
            type: "button",
            id: "si-undo",
            disabled: !isAny || refused !== "",
            "aria-describedby": refused === "" ? undefined : "si-past-refused",
            onclick: () => this.act("past.undo", { from: "si-undo" }),
          },
          icon("pi-undo"),
          t("past.undo-last"),
        ),
      ),
      h(
        "form",
        {
          class: "si-row",
          onsubmit: (/** @type {SubmitEvent} */ event) => {
            event.preventDefault();
            const field = /** @type {HTMLInputElement} */ (this.querySelector("#si-new-label"));
            this.act("past.take", { label: field.value.trim() });
            field.value = "";
          },
        },
        h("label", { class: "si-unseen", for: "si-new-label" }, t("past.new-label")),
        h("input", { class: "si-input si-grow", id: "si-new-label", maxlength: "200", autocomplete: "off", placeholder: t("past.new-label") }),
        h("button", { class: "si-button", type: "submit", disabled: past.taking !== "" || closed !== "" }, icon("pi-camera"), t(past.taking ? "past.takes" : "past.take")),
      ),
      closed !== "" && h("p", { class: "si-muted" }, closed),
      past.trouble?.id === "new" && h("safe-install-fault", { data: { fault: past.trouble.fault } }),
      h(
        "div",
        { class: "si-row" },
        h("label", { class: "si-unseen", for: "si-past-filter" }, t("past.filter")),
        h("input", {
          class: "si-input", id: "si-past-filter", type: "search", autocomplete: "off", placeholder: t("past.filter"), value: past.typed,
          oninput: (/** @type {Event} */ event) => this.act("past.filter", { text: /** @type {HTMLInputElement} */ (event.target).value }),
        }),
      ),
    ];
  }

  /** @param {Read | null} read */
  #make(read) {
    if (read !== null && read !== this.#made.read) {
      this.#made = {
        read,
        entries: timeline(read.changes, read.snapshots, read.more),
        undone: takenBack(read.changes),
        known: new Map(read.snapshots.map((each) => [each.id, each])),
      };
    }
    return this.#made;
  }

  /** The focus goes where the user's last step leads. @override */
  drawn() {
    const { focus } = this.data.past;
    if (focus === "") return;
    const found = this.querySelector(focus === "heading" ? "[data-heading]" : `#${CSS.escape(focus)}`) ?? this.querySelector("#si-past");
    if (!(found instanceof HTMLElement)) return;
    found.focus();
    this.act("past.focused");
  }
}

/** Make it and what is in it known to the page. */
export function register() {
  for (const each of [snapshot, timelineElement, diff, restorations, rollback]) each();
  define("safe-install-history", History);
}
