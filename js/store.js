/** What is known and where the user is, outside of any element: the host makes and drops our elements as it likes. */

/**
 * A value that changes as a whole.
 *
 * @template T
 */
export class Store {
  /** @type {T} */
  #value;
  /** @type {Set<(value: T) => void>} */
  #listeners = new Set();
  #telling = false;

  /** @param {T} value */
  constructor(value) {
    this.#value = value;
  }

  /** The value now; never changed in place. */
  get value() {
    return this.#value;
  }

  /**
   * Replace some of it. Listeners hear of it once per turn of the event loop.
   *
   * @param {Partial<T> | ((value: T) => Partial<T>)} change
   */
  set(change) {
    const partial = typeof change === "function" ? change(this.#value) : change;
    this.#value = { ...this.#value, ...partial };
    if (this.#telling) return;
    this.#telling = true;
    queueMicrotask(() => {
      this.#telling = false;
      for (const listener of [...this.#listeners]) listener(this.#value);
    });
  }

  /**
   * Hear of changes until the signal is aborted.
   *
   * @param {(value: T) => void} listener
   * @param {AbortSignal} [signal]
   */
  subscribe(listener, signal) {
    if (signal?.aborted) return;
    this.#listeners.add(listener);
    signal?.addEventListener("abort", () => this.#listeners.delete(listener), { once: true });
  }
}
