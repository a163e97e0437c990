// @ts-check
/** The token is exchanged when this part of its life has gone by. */
const REFRESH_AT = 0.8;
/** Longer than this no timer waits: it would fire at once. */
const WAIT_MS_MAX = 2 ** 31 - 1;

/**
 * Hands the server a new token before the old one expires, so that the line needn't drop for it.
 * Where this fails, the server closes with `expired` and the next connect brings a new token.
 */
export class TokenRefresh {
  #timers;
  #token;
  #command;
  /** @type {import("./timers.js").Cancel} */
  #cancel = () => {};
  /** Counts starts and stops: a token that arrives after a stop belongs to a line that is gone. */
  #turn = 0;

  /**
   * @param {import("./timers.js").Timers} timers
   * @param {() => Promise<string>} token gets a new one
   * @param {(body: object, done: import("./replies.js").Done) => void} command
   */
  constructor(timers, token, command) {
    this.#timers = timers;
    this.#token = token;
    this.#command = command;
  }

  /** @param {number} ttlSeconds what is left of the current token's life */
  start(ttlSeconds) {
    this.stop();
    const waitMs = Math.min(ttlSeconds * 1000 * REFRESH_AT, WAIT_MS_MAX);
    this.#cancel = this.#timers.after(waitMs, () => this.#refresh());
  }

  stop() {
    this.#turn++;
    this.#cancel();
  }

  async #refresh() {
    const turn = this.#turn;
    const token = await this.#token().catch(() => null);
    if (token === null || turn !== this.#turn) return;
    this.#command({ refresh: { token } }, (error, reply) => {
      if (!error && reply.refresh?.ttl) this.start(reply.refresh.ttl);
    });
  }
}
