/** What every element of ours is built on. */

import { morph } from "./dom.js";

/** @typedef {import("./dom.js").Child} Child */

/** The event by which an element says what the user wants; `controller.js` answers it. */
export const ACT = "safe-install-act";

/** @typedef {{name: string, detail: Record<string, unknown>}} Act */

/**
 * An element that draws itself from its `data`. Subclasses write `render(data)`; intent goes up by `act`.
 *
 * Drawing happens once per turn, however often `data` was set; nothing is drawn before there is data.
 *
 * @template D
 */
export class PanelElement extends HTMLElement {
  /** @type {D | undefined} */
  #data;
  #drawing = false;
  /** @type {AbortController | undefined} */
  #attached;

  /** What is drawn. Values are never changed in place: another object is another picture. */
  get data() {
    return /** @type {D} */ (this.#data);
  }

  set data(value) {
    if (value === this.#data) return;
    this.#data = value;
    this.update();
  }

  connectedCallback() {
    this.#attached = new AbortController();
    this.attached(this.#attached.signal);
    this.draw();
  }

  disconnectedCallback() {
    this.#attached?.abort();
  }

  /**
   * For listeners beyond the element itself; all of them with `{signal}`, which is aborted when it leaves the page.
   *
   * @param {AbortSignal} _signal
   */
  attached(_signal) {}

  /** Draw in this turn of the event loop, once; for what is the element's own, such as which row is open. */
  update() {
    if (this.#drawing) return;
    this.#drawing = true;
    queueMicrotask(() => {
      this.#drawing = false;
      this.draw();
    });
  }

  /** Draw now. */
  draw() {
    if (!this.isConnected || this.#data === undefined) return;
    morph(this, this.render(this.#data));
    this.drawn();
  }

  /** After drawing: for focus. */
  drawn() {}

  /**
   * @param {D} _data
   * @returns {Child}
   */
  render(_data) {
    return null;
  }

  /**
   * Say what the user wants.
   *
   * @param {string} name as in `controller.js`, such as "flow.plan"
   * @param {Record<string, unknown>} [detail]
   */
  act(name, detail = {}) {
    this.dispatchEvent(new CustomEvent(ACT, { bubbles: true, detail: { name, detail } }));
  }
}

/**
 * Make the element known to the page, once: a page may load us twice.
 *
 * @param {string} name
 * @param {CustomElementConstructor} element
 */
export function define(name, element) {
  if (!customElements.get(name)) customElements.define(name, element);
}
