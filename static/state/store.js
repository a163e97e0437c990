// @ts-check
/**
 * A value that can be watched.
 *
 * @template T
 */
export class Store {
  #value;
  /** @type {Set<(value: T) => void>} */
  #watchers = new Set();

  /** @param {T} value */
  constructor(value) {
    this.#value = value;
  }

  get value() {
    return this.#value;
  }

  /** @param {T} value */
  set(value) {
    this.#value = value;
    for (const watch of [...this.#watchers]) watch(value);
  }

  /** @param {Partial<T>} changes */
  patch(changes) {
    this.set({ ...this.#value, ...changes });
  }

  /**
   * Calls at once with what is, then with whatever becomes, until the signal aborts.
   *
   * @param {(value: T) => void} watch
   * @param {AbortSignal} [signal]
   */
  watch(watch, signal) {
    if (signal?.aborted) return;
    this.#watchers.add(watch);
    signal?.addEventListener("abort", () => this.#watchers.delete(watch), { once: true });
    watch(this.#value);
  }
}
