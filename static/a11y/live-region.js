// @ts-check
/** So long what is to be said is gathered: a busy room must not talk without a pause. */
const GATHER_MS = 1_000;
/** More than this at once is told as a number. */
const SPOKEN_MAX = 3;

/**
 * Speaks new messages to screen readers, politely and in batches.
 *
 * @typedef {{ author: string, text: string }} Spoken
 */
export class LiveRegion {
  #element;
  #timers;
  /** @type {Spoken[]} */
  #waiting = [];

  /**
   * @param {{ textContent: string | null }} element with a live role
   * @param {import("../protocol/timers.js").Timers} timers
   */
  constructor(element, timers) {
    this.#element = element;
    this.#timers = timers;
  }

  /** @param {Spoken} message */
  announce(message) {
    if (this.#waiting.push(message) > 1) return;
    this.#timers.after(GATHER_MS, () => {
      this.#element.textContent = wordsOf(this.#waiting);
      this.#waiting = [];
    });
  }
}

/**
 * @param {readonly Spoken[]} messages
 * @returns {string}
 */
function wordsOf(messages) {
  if (messages.length > SPOKEN_MAX) return `${messages.length} new messages`;
  return messages.map(({ author, text }) => `${author}: ${text}`).join("\n");
}
