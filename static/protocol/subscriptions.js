// @ts-check
import { backoffMs } from "./backoff.js";
import { Room } from "./room.js";

/**
 * Keeps every wanted room subscribed, whatever happens to the socket below.
 *
 * @typedef {import("./room.js").Reader} Reader
 * @typedef {import("./vocabulary.js").Push} Push
 *
 * @typedef {object} Line what is needed of the connection
 * @property {(body: object, done: import("./replies.js").Done) => boolean} command false: no socket
 * @property {(reason: string) => void} restart drops the socket and comes back
 *
 * @typedef {{ room: Room, tries: number, cancel: import("./timers.js").Cancel }} Entry
 */
export class Subscriptions {
  /** @type {Map<string, Entry>} */
  #entries = new Map();
  #line;
  #timers;

  /**
   * @param {Line} line
   * @param {import("./timers.js").Timers} timers
   */
  constructor(line, timers) {
    this.#line = line;
    this.#timers = timers;
  }

  /**
   * @param {string} channel
   * @param {Reader} reader
   */
  add(channel, reader) {
    if (this.#entries.has(channel)) return;
    const entry = { room: new Room(channel, reader), tries: 0, cancel: () => {} };
    this.#entries.set(channel, entry);
    this.#subscribe(entry);
  }

  /** @param {string} channel */
  remove(channel) {
    const entry = this.#entries.get(channel);
    if (!entry) return;
    this.#forget(entry);
    if (entry.room.state === "live" || entry.room.state === "subscribing") {
      this.#unsubscribe(channel);
    }
  }

  /** A socket has opened: every subscribe goes out in the frame of the connect. */
  start() {
    for (const entry of this.#entries.values()) {
      entry.tries = 0;
      this.#subscribe(entry);
    }
  }

  /** The socket is gone. */
  lost() {
    for (const entry of this.#entries.values()) {
      entry.cancel();
      entry.room.lost();
    }
  }

  /**
   * @param {Push} push
   * @returns {boolean} whether the channel is one of ours
   */
  push(push) {
    const entry = this.#entries.get(push.channel ?? "");
    if (!entry) return false;
    if (push.pub && entry.room.published(push.pub) === "again") this.#startOver(entry);
    if (push.unsubscribe) this.#act(entry, entry.room.unsubscribed(push.unsubscribe));
    return true;
  }

  /** @param {Entry} entry */
  #subscribe(entry) {
    if (entry.room.state !== "idle") return;
    const sent = this.#line.command({ subscribe: entry.room.request() }, (error, reply) => {
      if (this.#entries.get(entry.room.channel) !== entry) return;
      if (error?.isDisconnected) return;
      if (error?.isTimeout) return this.#line.restart("a subscription was not answered");
      if (error) return this.#act(entry, entry.room.refused(error));
      entry.tries = 0;
      if (entry.room.accepted(reply.subscribe ?? {}) === "again") this.#startOver(entry);
    });
    if (!sent) entry.room.lost();
  }

  /** @param {string} channel */
  #unsubscribe(channel) {
    this.#line.command({ unsubscribe: { channel } }, (error) => {
      if (error && !error.isDisconnected) this.#line.restart("an unsubscribe was refused");
    });
  }

  /**
   * The server still counts us as subscribed, so it has to hear of the end first.
   *
   * @param {Entry} entry
   */
  #startOver(entry) {
    this.#unsubscribe(entry.room.channel);
    this.#act(entry, "again");
  }

  /**
   * @param {Entry} entry
   * @param {import("./room.js").Verdict} verdict
   */
  #act(entry, verdict) {
    if (verdict === "out") return this.#forget(entry);
    if (verdict !== "again") return;
    entry.cancel();
    entry.cancel = this.#timers.after(backoffMs(entry.tries++), () => this.#subscribe(entry));
  }

  /** @param {Entry} entry */
  #forget(entry) {
    entry.cancel();
    if (this.#entries.get(entry.room.channel) === entry) this.#entries.delete(entry.room.channel);
  }
}
