/** What is to be installed: searched for, pasted, chosen as a file, or what the open workflow lacks. */

import { define, PanelElement } from "../element.js";
import { h } from "../dom.js";
import { size } from "../model/format.js";
import { recognise } from "../model/source.js";
import { spoken, t } from "../words.js";

/** @typedef {import("../actions/flow.js").Flow} Flow */
/** @typedef {{flow: Flow, permits: Record<string, string>, missing: import("../actions/missing.js").MissingHere, offline: boolean}} Data */

/** @extends {PanelElement<Data>} */
export class FlowWhat extends PanelElement {
  /** @override @param {Data} data */
  render({ flow, permits, missing, offline }) {
    const forbidden = permits["install-local"] ?? "";
    return h(
      "div",
      { class: "si-stack" },
      h("safe-install-missing", { data: { missing, permits } }),
      this.#box(flow.text),
      h("safe-install-flow-offer", { data: { text: flow.text, failed: flow.found.phase === "failed", permits } }),
      h(
        "div",
        { class: "si-row si-flow-drop" },
        h("input", {
          class: "si-flow-file",
          type: "file",
          accept: ".zip,application/zip",
          multiple: true,
          tabindex: "-1",
          "aria-hidden": "true",
          onchange: (/** @type {Event} */ event) => {
            const input = /** @type {HTMLInputElement} */ (event.target);
            this.#bring(input.files);
            input.value = "";
          },
        }),
        h(
          "button",
          {
            class: "si-button",
            type: "button",
            disabled: forbidden !== "" || flow.upload.phase === "sending",
            onclick: () => /** @type {HTMLElement | null} */ (this.querySelector(".si-flow-file"))?.click(),
          },
          h("span", { class: "pi pi-file-import", "aria-hidden": "true" }),
          t("flow.what.zip"),
        ),
        h("span", { class: "si-muted si-small si-grow" }, forbidden || t("flow.what.drop")),
      ),
      this.#upload(flow.upload),
      h("safe-install-flow-basket", { data: flow.basket }),
      h("safe-install-flow-results", {
        data: { found: flow.found, permits, offline, basket: flow.basket.map(({ key }) => key) },
      }),
    );
  }

  /** @param {string} text */
  #box(text) {
    return h(
      "form",
      {
        class: "si-stack si-flow-label",
        role: "search",
        onsubmit: (/** @type {Event} */ event) => {
          event.preventDefault();
          this.#enter();
        },
      },
      h("label", { for: "si-flow-box" }, t("flow.what.label")),
      h(
        "div",
        { class: "si-row si-flow-box" },
        h("input", {
          id: "si-flow-box",
          class: "si-input si-grow",
          type: "text",
          value: text,
          autocomplete: "off",
          spellcheck: "false",
          "aria-describedby": "si-flow-box-help",
          placeholder: t("flow.what.placeholder"),
          oninput: (/** @type {Event} */ event) =>
            this.act("flow.type", { text: /** @type {HTMLInputElement} */ (event.target).value }),
        }),
        h(
          "button",
          { class: "si-button", type: "submit", "aria-label": t("flow.what.search") },
          h("span", { class: "pi pi-search", "aria-hidden": "true" }),
        ),
      ),
      h("p", { class: "si-muted si-small", id: "si-flow-box-help" }, t("flow.what.help")),
    );
  }

  /** @param {Flow["upload"]} upload */
  #upload({ phase, name, bytes, fault }) {
    if (phase === "sending") {
      return h(
        "div",
        { class: "si-note info", role: "status" },
        h("p", null, t("flow.upload.sending", { name, size: size(bytes, spoken()) })),
        h("progress", { class: "si-flow-meter", "aria-label": t("flow.upload.label") }),
      );
    }
    return phase === "failed" && fault && h("safe-install-fault", { data: { fault } });
  }

  /** Enter: look for the words, or take the source as it is. */
  #enter() {
    const { flow, permits } = this.data;
    const { kind, source, name, deed } = recognise(flow.text);
    if (kind === "words") this.act("flow.search");
    else if (source !== "" && !permits[deed]) this.act("flow.start", { sources: [source], title: name });
  }

  /** @param {FileList | null | undefined} files */
  #bring(files) {
    if (files && files.length > 0) this.act("flow.upload", { files: [...files] });
  }
}

/** Make the element known to the page. */
export function register() {
  define("safe-install-flow-what", FlowWhat);
}
