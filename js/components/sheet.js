/** A dialog of ours over everything: the browser keeps the focus inside, closes it with Esc and gives the focus back. */

import { h } from "../dom.js";
import { t } from "../words.js";

/** @typedef {import("../dom.js").Child} Child */

/**
 * @param {{id: string, title: string, close: () => void, class?: string}} sheet `close` is called when it was closed, by whatever
 * @param {...Child} children
 */
export function sheet({ id, title, close, class: more = "" }, ...children) {
  return h(
    "dialog",
    {
      class: `si-sheet ${more}`,
      "aria-labelledby": `${id}-title`,
      // Told a moment after it closed, when it may have been opened again.
      onclose: (/** @type {Event} */ event) => {
        if (!(/** @type {HTMLDialogElement} */ (event.currentTarget).open)) close();
      },
      // What is typed here is not meant for the canvas.
      onkeydown: (/** @type {KeyboardEvent} */ event) => event.stopPropagation(),
      // A click beside it: only the dialog's own backdrop is the dialog itself.
      onclick: (/** @type {MouseEvent} */ event) => {
        if (event.target === event.currentTarget) /** @type {HTMLDialogElement} */ (event.currentTarget).close();
      },
    },
    h(
      "div",
      { class: "si-sheet-body" },
      h(
        "header",
        { class: "si-head" },
        h("h2", { id: `${id}-title` }, title),
        h(
          "button",
          {
            class: "si-button quiet",
            type: "button",
            "aria-label": t("common.close"),
            onclick: (/** @type {MouseEvent} */ event) => /** @type {HTMLElement} */ (event.currentTarget).closest("dialog")?.close(),
          },
          h("span", { class: "pi pi-times", "aria-hidden": "true" }),
        ),
      ),
      children,
    ),
  );
}

/** What each dialog was shown for: one that was closed stays so, whatever is drawn until that has been told. @type {WeakMap<Element, string>} */
const shownFor = new WeakMap();

/** Show the dialog that was drawn into this element, once for each title. @param {HTMLElement} owner */
export function showSheet(owner) {
  const dialog = owner.querySelector("dialog");
  const title = dialog?.querySelector("h2")?.textContent ?? "";
  if (!dialog || dialog.open || shownFor.get(dialog) === title) return;
  shownFor.set(dialog, title);
  dialog.showModal();
}
