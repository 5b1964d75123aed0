/** What can be done to a snapshot: going back to it, and, folded, everything else. */

import { define, PanelElement } from "../element.js";
import { h } from "../dom.js";
import { moment, size } from "../model/format.js";
import { spoken, t } from "../words.js";
import { icon, reasonWords, snapshotName, unseen } from "./past_words.js";

/** @typedef {import("../wire.js").SnapshotSummary} Snapshot */

/**
 * `before`: it was taken before a change, beside which it stands. `permits`: why something may not be done here.
 *
 * @typedef {{snapshot: Snapshot, before: boolean, picked: string, permits: Record<string, string>, trouble: import("../wire.js").Fault | null, known: import("./past_words.js").Known}} Shown
 */

/** @extends {PanelElement<Shown>} */
export class SnapshotView extends PanelElement {
  #open = false;
  /** @type {"" | "label" | "remove"} what is asked for now */
  #asking = "";
  /** Which of the buttons gets the focus with the next drawing. */
  #focus = "";

  /** @override @param {Shown} data */
  render({ snapshot, before, picked, permits, trouble, known }) {
    const [name, refused] = [snapshotName(snapshot, known), permits["roll-back"] ?? ""];
    return [
      h(
        "div",
        { class: "si-row" },
        h(
          "button",
          {
            class: "si-button",
            type: "button",
            id: `si-back-${snapshot.id}`,
            disabled: refused !== "",
            "aria-describedby": refused === "" ? undefined : "si-past-refused",
            onclick: () => this.act("past.restore", { snapshot: snapshot.id, from: `si-back-${snapshot.id}` }),
          },
          icon("pi-undo"),
          t(before ? "past.back-before" : "past.back-to"),
          unseen(name),
        ),
        picked !== "" &&
          picked !== snapshot.id &&
          h(
            "button",
            { class: "si-button primary", type: "button", onclick: () => this.#compare(picked) },
            t("past.compare-these"),
            unseen(name),
          ),
      ),
      h(
        "details",
        { ontoggle: (/** @type {Event} */ event) => this.#toggled(event) },
        h("summary", { id: `si-more-${snapshot.id}` }, t("past.more"), unseen(name)),
        this.#open && this.#more(snapshot, permits, name, known),
      ),
      trouble && h("safe-install-fault", { data: { fault: trouble } }),
    ];
  }

  /** @param {Snapshot} snapshot @param {Record<string, string>} permits @param {string} name @param {Shown["known"]} known */
  #more(snapshot, permits, name, known) {
    const fixed = permits["change-snapshot"] ?? "";
    const { id, pinned } = snapshot;
    return h(
      "div",
      { class: "si-stack si-inner" },
      h(
        "dl",
        { class: "si-values" },
        [
          [t("past.taken"), moment(snapshot.created, spoken())],
          [t("past.why"), reasonWords(snapshot, known)],
          [t("past.holds"), `${t("past.packs", { count: snapshot.packs })}, ${t("past.distributions", { count: snapshot.distributions })}`],
          [t("past.comfyui"), snapshot.comfyui_version],
          [t("past.python"), snapshot.python],
          [t("past.own"), size(snapshot.own_bytes, spoken())],
          [t("past.id"), id],
        ].map(([term, value]) => value !== "" && [h("dt", null, term), h("dd", null, value)]),
      ),
      fixed !== "" && h("p", { class: "si-muted" }, fixed),
      h(
        "div",
        { class: "si-row", role: "group", "aria-label": t("past.actions", { name }) },
        this.#button("compare-now", "pi-clone", () => this.act("past.compare", { a: id, b: "now", from: `si-more-${id}` })),
        this.#button("compare-other", "pi-arrows-h", () => this.act("past.pick", { id })),
        this.#button("label", "pi-tag", () => this.#ask("label"), fixed !== ""),
        this.#button(pinned ? "unpin" : "pin", "pi-thumbtack", () => this.act("past.pin", { id, pinned: !pinned }), fixed !== ""),
        this.#button("export", "pi-file-export", () => this.act("past.export", { id })),
        this.#button("remove", "pi-trash", () => this.#ask("remove"), fixed !== ""),
      ),
      this.#asking === "label" && this.#labelForm(snapshot),
      this.#asking === "remove" && this.#removal(snapshot, name),
    );
  }

  /** @param {Snapshot} snapshot */
  #labelForm({ id, label }) {
    return h(
      "form",
      {
        class: "si-row",
        onsubmit: (/** @type {SubmitEvent} */ event) => {
          event.preventDefault();
          const field = /** @type {HTMLInputElement} */ (this.querySelector(`#si-label-${id}`));
          this.act("past.label", { id, label: field.value.trim() });
          this.#ask("", "label");
        },
        onkeydown: (/** @type {KeyboardEvent} */ event) => this.#leave(event, "label"),
      },
      h("label", { for: `si-label-${id}` }, t("past.label-name")),
      h("input", { class: "si-input si-grow", id: `si-label-${id}`, maxlength: "200", autocomplete: "off", "data-focus": "ask", "data-first": label }),
      h("button", { class: "si-button primary", type: "submit" }, t("past.save")),
      h("button", { class: "si-button", type: "button", onclick: () => this.#ask("", "label") }, t("common.cancel")),
    );
  }

  /** @param {Snapshot} snapshot @param {string} name */
  #removal({ id, own_bytes: bytes }, name) {
    return h(
      "div",
      {
        class: "si-note warn",
        role: "group",
        "aria-label": t("past.remove"),
        onkeydown: (/** @type {KeyboardEvent} */ event) => this.#leave(event, "remove"),
      },
      h("p", null, t("past.remove-sure", { name, size: size(bytes, spoken()) })),
      h(
        "div",
        { class: "si-row" },
        h("button", { class: "si-button danger", type: "button", "data-focus": "ask", onclick: () => this.act("past.remove", { id }) }, t("past.remove-yes")),
        h("button", { class: "si-button", type: "button", onclick: () => this.#ask("", "remove") }, t("past.keep")),
      ),
    );
  }

  /**
   * @param {"compare-now" | "compare-other" | "label" | "pin" | "unpin" | "export" | "remove"} what
   * @param {string} symbol
   * @param {() => void} onclick
   * @param {boolean} [disabled]
   */
  #button(what, symbol, onclick, disabled = false) {
    // Pinned or not, it is the same button, which keeps the focus.
    const key = what === "unpin" ? "pin" : what;
    return h("button", { class: "si-button", type: "button", key, "data-focus": key, disabled, onclick }, icon(symbol), t(`past.${what}`));
  }

  /** @param {string} picked */
  #compare(picked) {
    const { id, created } = this.data.snapshot;
    const other = this.data.known.get(picked)?.created ?? "";
    const [a, b] = other < created ? [picked, id] : [id, picked];
    this.act("past.compare", { a, b, from: `si-back-${id}` });
  }

  /** @param {Event} event */
  #toggled(event) {
    this.#open = /** @type {HTMLDetailsElement} */ (event.target).open;
    this.update();
  }

  /** @param {KeyboardEvent} event @param {string} focus */
  #leave(event, focus) {
    if (event.key !== "Escape") return;
    // The host takes Esc for itself.
    event.stopPropagation();
    this.#ask("", focus);
  }

  /** @param {"" | "label" | "remove"} what @param {string} [focus] */
  #ask(what, focus = "ask") {
    this.#asking = what;
    this.#focus = focus;
    this.update();
  }

  /** @override */
  drawn() {
    if (this.#focus === "") return;
    const element = /** @type {HTMLElement | null} */ (this.querySelector(`[data-focus="${this.#focus}"]`));
    this.#focus = "";
    element?.focus();
    if (element instanceof HTMLInputElement) {
      // Only now, so that drawing again takes nothing away of what is typed.
      element.value = element.dataset.first ?? "";
      element.select();
    }
  }
}

/** Make the element known to the page. */
export function register() {
  define("safe-install-snapshot", SnapshotView);
}
