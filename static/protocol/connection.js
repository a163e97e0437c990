// @ts-check
import { backoffMs } from "./backoff.js";
import { ChatError, asChatError } from "./chat-error.js";
import { CLOSE_CODES, ERROR_CODES, closeIsTerminal } from "./codes.js";
import { Subscriptions } from "./subscriptions.js";
import { systemTimers } from "./timers.js";
import { TokenRefresh } from "./token-refresh.js";
import { Wire } from "./wire.js";

/** From the first byte to the connect reply. */
const DIAL_MS = 10_000;

/**
 * The line to the server, brought back whenever it drops, with every room resumed.
 *
 * @typedef {import("./timers.js").Cancel} Cancel
 * @typedef {"connect" | "refresh" | "refused"} TokenReason
 *
 * @typedef {object} Status
 * @property {"idle" | "connecting" | "online" | "waiting" | "stopped"} phase
 * @property {string} [reason] why it isn't online
 * @property {number} [retry_at] ms since the Unix epoch, while waiting
 *
 * @typedef {object} Options
 * @property {string} url
 * @property {(why: TokenReason) => Promise<string>} token
 * @property {(status: Status) => void} onStatus
 * @property {(welcome: import("./vocabulary.js").Welcome) => void} [onWelcome]
 * @property {(push: import("./vocabulary.js").Push) => void} [onHint] what came on a channel that is no room of ours
 * @property {import("./timers.js").Timers} [timers]
 * @property {(url: string) => WebSocket} [openSocket]
 */
export class Connection {
  #options;
  #timers;
  #subscriptions;
  #refresh;
  /** @type {Wire | null} */
  #wire = null;
  /** @type {Status["phase"]} */
  #phase = "idle";
  #tries = 0;
  /** @type {TokenReason} */
  #tokenReason = "connect";
  /** Counts sockets: what was begun for an earlier one is void. */
  #attempt = 0;
  /** @type {Cancel} */
  #cancelTimer = () => {};

  /** @param {Options} options */
  constructor(options) {
    this.#options = options;
    this.#timers = options.timers ?? systemTimers;
    /** @type {import("./subscriptions.js").Line["command"]} */
    const command = (body, done) => this.#wire?.command(body, done) ?? false;
    const restart = (/** @type {string} */ reason) => this.#lost(reason, false);
    this.#subscriptions = new Subscriptions({ command, restart }, this.#timers);
    this.#refresh = new TokenRefresh(this.#timers, () => options.token("refresh"), command);
  }

  /** Connects now: at first, after a stop, or without waiting for the rest of a pause. */
  start() {
    if (this.#phase === "online" || this.#phase === "connecting") return;
    this.#cancelTimer();
    this.#open();
  }

  /**
   * @param {string} method
   * @param {object} data
   * @returns {Promise<any>} the reply's data; rejects with a ChatError
   */
  rpc(method, data) {
    return new Promise((resolve, reject) => {
      const sent =
        this.#phase === "online" &&
        this.#wire?.command({ rpc: { method, data } }, (error, reply) =>
          error ? reject(error) : resolve(reply.rpc?.data),
        );
      if (!sent) reject(ChatError.disconnected());
    });
  }

  /**
   * @param {string} channel
   * @param {import("./room.js").Reader} reader
   */
  subscribe(channel, reader) {
    this.#subscriptions.add(channel, reader);
  }

  /** @param {string} channel */
  unsubscribe(channel) {
    this.#subscriptions.remove(channel);
  }

  async #open() {
    const attempt = ++this.#attempt;
    this.#set({ phase: "connecting" });
    try {
      const token = await this.#options.token(this.#tokenReason);
      if (attempt === this.#attempt) this.#dial(token);
    } catch (thrown) {
      const error = asChatError(thrown);
      if (attempt === this.#attempt) this.#lost(error.message, !error.temporary);
    }
  }

  /** @param {string} token */
  #dial(token) {
    this.#cancelTimer = this.#timers.after(DIAL_MS, () => this.#lost("No answer.", false));
    this.#wire = new Wire({
      url: this.#options.url,
      timers: this.#timers,
      openSocket: this.#options.openSocket ?? ((url) => new WebSocket(url)),
      onOpen: () => this.#introduce(token),
      onPush: (push) => {
        if (!this.#subscriptions.push(push)) this.#options.onHint?.(push);
      },
      onClose: (code, reason) => this.#closed(code, reason),
      onSilence: () => this.#lost("The server went silent.", false),
    });
  }

  /** @param {string} token */
  #introduce(token) {
    this.#wire?.command({ connect: { token, name: "web" } }, (error, reply) => {
      if (error) this.#refused(error);
      else this.#connected(reply.connect ?? { client: "" });
    });
    this.#subscriptions.start();
  }

  /** @param {import("./vocabulary.js").ConnectResult} result */
  #connected(result) {
    this.#cancelTimer();
    this.#tries = 0;
    this.#tokenReason = "connect";
    this.#wire?.agree(result);
    if (result.expires && result.ttl) this.#refresh.start(result.ttl);
    this.#options.onWelcome?.(result.data ?? {});
    this.#set({ phase: "online" });
  }

  /** @param {ChatError} error in answer to the connect */
  #refused(error) {
    if (error.isDisconnected) return;
    const { unauthorized, token_expired } = ERROR_CODES;
    const aboutToken = error.code === unauthorized || error.code === token_expired;
    if (aboutToken) return this.#tokenRefused(error.message);
    this.#lost(error.message, !error.temporary && error.code >= 100);
  }

  /**
   * @param {number} code
   * @param {string} reason
   */
  #closed(code, reason) {
    if (code === CLOSE_CODES.invalid_token) return this.#tokenRefused(reason);
    this.#lost(reason || "The connection was lost.", closeIsTerminal(code));
  }

  /**
   * A refused token is exchanged once; a second refusal in a row is final.
   *
   * @param {string} reason
   */
  #tokenRefused(reason) {
    const final = this.#tokenReason === "refused";
    this.#tokenReason = final ? "connect" : "refused";
    this.#lost(reason, final);
  }

  /**
   * @param {string} reason
   * @param {boolean} terminal whether only a person may start it again
   */
  #lost(reason, terminal) {
    this.#attempt++;
    this.#cancelTimer();
    this.#refresh.stop();
    const wire = this.#wire;
    this.#wire = null;
    this.#phase = "waiting";
    wire?.hangUp();
    this.#subscriptions.lost();
    if (terminal) return this.#set({ phase: "stopped", reason });
    const pause = backoffMs(this.#tries++);
    this.#cancelTimer = this.#timers.after(pause, () => this.#open());
    this.#set({ phase: "waiting", reason, retry_at: this.#timers.now() + pause });
  }

  /** @param {Status} status */
  #set(status) {
    this.#phase = status.phase;
    this.#options.onStatus(status);
  }
}
