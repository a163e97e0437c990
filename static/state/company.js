// @ts-check
import { Store } from "./store.js";

/** Names that are told of those who write; of more there is only that they are several. */
const WRITERS_NAMED_MAX = 2;

/**
 * Who else is in a room right now. Hearsay: it is told from time to time, and kept nowhere.
 *
 * @typedef {import("../protocol/vocabulary.js").RoomEvent} RoomEvent
 *
 * @typedef {object} Around
 * @property {number} [here] how many users are in the room, ourselves among them
 * @property {string[]} writing names of others who are writing
 */
export class Company {
  /** @type {Store<Around>} */
  around = new Store(/** @type {Around} */ ({ writing: [] }));
  #me;
  #timers;
  /** By user id. @type {Map<string, { name: string, forget: () => void }>} */
  #writers = new Map();

  /**
   * @param {string} me
   * @param {import("../protocol/timers.js").Timers} timers
   */
  constructor(me, timers) {
    this.#me = me;
    this.#timers = timers;
  }

  /** @param {RoomEvent} event */
  said(event) {
    if (event.type === "presence.tick") this.around.patch({ here: event.count });
    const { user, expires_ms } = event;
    if (event.type !== "typing" || !user || user.id === this.#me || !expires_ms) return;
    this.#writers.get(user.id)?.forget();
    const forget = this.#timers.after(expires_ms, () => this.#rests(user.id));
    this.#writers.set(user.id, { name: user.name, forget });
    this.#show();
  }

  /** Whoever has sent a message is done with it. @param {RoomEvent} event */
  happened(event) {
    if (event.type === "message.created" && event.user) this.#rests(event.user.id);
  }

  /** Nothing more is heard: what was is as good as old. */
  lost() {
    for (const { forget } of this.#writers.values()) forget();
    this.#writers.clear();
    this.around.set({ writing: [] });
  }

  /** @param {string} user */
  #rests(user) {
    const writer = this.#writers.get(user);
    if (!writer) return;
    writer.forget();
    this.#writers.delete(user);
    this.#show();
  }

  #show() {
    this.around.patch({ writing: [...this.#writers.values()].map(({ name }) => name) });
  }
}

/**
 * @param {string[]} names
 * @returns {string} empty where nobody writes
 */
export function writingWords(names) {
  if (names.length === 0) return "";
  if (names.length > WRITERS_NAMED_MAX) return "Several people are writing…";
  return `${names.join(" and ")} ${names.length === 1 ? "is" : "are"} writing…`;
}
