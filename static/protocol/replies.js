// @ts-check
import { ChatError } from "./chat-error.js";

/**
 * Commands on their way, each waiting for the reply with its id.
 *
 * What is done with a reply is a callback and not a promise: a subscribe reply and the first
 * publications after it share a frame, and the reply has to be dealt with before them.
 *
 * @typedef {import("./vocabulary.js").Reply} Reply
 * @typedef {(error: ChatError | null, reply: Reply) => void} Done
 */
export class Replies {
  /** @type {Map<number, { done: Done, cancel: import("./timers.js").Cancel }>} */
  #waiting = new Map();
  #timers;
  #next = 1;

  /** @param {import("./timers.js").Timers} timers */
  constructor(timers) {
    this.#timers = timers;
  }

  /**
   * @param {number} timeoutMs
   * @param {Done} done called exactly once
   * @returns {number} the id for the command
   */
  expect(timeoutMs, done) {
    const id = this.#next++;
    const cancel = this.#timers.after(timeoutMs, () => {
      this.#waiting.delete(id);
      done(ChatError.timeout(), {});
    });
    this.#waiting.set(id, { done, cancel });
    return id;
  }

  /** @param {Reply} reply one that nobody waits for any more is dropped */
  settle(reply) {
    const entry = this.#waiting.get(reply.id ?? 0);
    if (!entry) return;
    this.#waiting.delete(reply.id ?? 0);
    entry.cancel();
    entry.done(reply.error ? ChatError.fromWire(reply.error) : null, reply);
  }

  /** The socket is gone: whether these were carried out is unknown. */
  failAll() {
    const entries = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { done, cancel } of entries) {
      cancel();
      done(ChatError.disconnected(), {});
    }
  }
}
