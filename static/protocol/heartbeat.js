// @ts-check
/** How much later than announced a ping may come before the line counts as dead. */
const GRACE_MS = 10_000;

/** Notices that the server has gone silent, which a half-open TCP connection never tells. */
export class Heartbeat {
  #timers;
  #onSilence;
  #limitMs = 0;
  /** @type {import("./timers.js").Cancel} */
  #cancel = () => {};

  /**
   * @param {import("./timers.js").Timers} timers
   * @param {() => void} onSilence
   */
  constructor(timers, onSilence) {
    this.#timers = timers;
    this.#onSilence = onSilence;
  }

  /** @param {number} [pingSeconds] as announced; without it the server doesn't ping at all */
  start(pingSeconds) {
    this.#limitMs = pingSeconds ? pingSeconds * 1000 + GRACE_MS : 0;
    this.heard();
  }

  /** Anything that arrives is a sign of life. */
  heard() {
    this.#cancel();
    if (this.#limitMs > 0) this.#cancel = this.#timers.after(this.#limitMs, this.#onSilence);
  }

  stop() {
    this.#cancel();
    this.#limitMs = 0;
  }
}
