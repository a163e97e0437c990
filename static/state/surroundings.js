// @ts-check
import { Store } from "./store.js";

/** That somebody writes is said no more often than this. */
const WRITING_EVERY_MS = 3000;

/**
 * Who else is in the room that is open, and that we are writing in it.
 *
 * @typedef {import("./company.js").Around} Around
 * @typedef {import("./conversation.js").Conversation} Conversation
 */
export class Surroundings {
  /** @type {Store<Around>} */
  around = new Store(/** @type {Around} */ ({ writing: [] }));
  #current;
  #connection;
  #timers;
  #following = new AbortController();
  #wroteAt = -Infinity;

  /**
   * @param {Store<Conversation | null>} current
   * @param {{ rpc: (method: string, data: object) => Promise<unknown> }} connection
   * @param {import("../protocol/timers.js").Timers} timers
   */
  constructor(current, connection, timers) {
    this.#current = current;
    this.#connection = connection;
    this.#timers = timers;
    current.watch((conversation) => this.#follow(conversation));
  }

  /** The field was written in: the others in the room are told, now and then. */
  writing() {
    const room = this.#current.value?.room;
    const now = this.#timers.now();
    if (!room || now < this.#wroteAt + WRITING_EVERY_MS) return;
    this.#wroteAt = now;
    this.#connection.rpc("typing", { room }).catch(() => {}); // nobody misses it
  }

  /** What was written is sent: the next word is news again. */
  sent() {
    this.#wroteAt = -Infinity;
  }

  /** @param {Conversation | null} conversation */
  #follow(conversation) {
    this.#following.abort();
    this.#following = new AbortController();
    this.#wroteAt = -Infinity;
    this.around.set({ writing: [] });
    conversation?.company.around.watch((it) => this.around.set(it), this.#following.signal);
  }
}
