// @ts-check
import { backoffMs } from "./backoff.js";
import { asChatError } from "./chat-error.js";

/**
 * What was written and is not yet acknowledged. It survives a reload: what the server may or may
 * not have taken is sent again with the client id it had, so it can't appear twice. One message
 * of a room is under way at a time, which keeps them in the order of writing.
 *
 * @typedef {object} Draft
 * @property {string} client_id
 * @property {string} room
 * @property {string} author id of the user who wrote it
 * @property {string} text
 * @property {number} written_at ms since the Unix epoch
 * @property {"pending" | "failed"} state
 * @property {string} [reason] why it isn't sent yet
 *
 * @typedef {{ id: string }} Ack
 *
 * @typedef {object} Options
 * @property {import("./drafts.js").Drafts} drafts
 * @property {(draft: Draft) => Promise<Ack>} send
 * @property {(draft: Draft) => void} onChange
 * @property {(draft: Draft, ack: Ack) => void} onAck
 * @property {import("./timers.js").Timers} timers
 */
export class Outbox {
  #options;
  #online = false;
  /** @type {Set<string>} rooms with a message under way, or pausing after a refusal */
  #busy = new Set();
  #tries = 0;
  /** @type {Map<string, import("./timers.js").Cancel>} pauses by room */
  #pauses = new Map();

  /** @param {Options} options */
  constructor(options) {
    this.#options = options;
  }

  /**
   * @param {string} room
   * @returns {Draft[]} in the order of writing
   */
  of(room) {
    return this.#options.drafts.all().filter((draft) => draft.room === room);
  }

  /** @param {Draft} draft */
  add(draft) {
    this.#options.drafts.put(draft);
    this.#options.onChange(draft);
    this.#pump(draft.room);
  }

  /**
   * Somebody decided to send it after all, whoever wrote it: from now on it is theirs.
   *
   * @param {string} clientId
   * @param {string} author
   */
  retry(clientId, author) {
    const draft = this.#options.drafts.get(clientId);
    if (draft) this.add({ ...draft, author, state: "pending", reason: undefined });
  }

  /**
   * It is done with: seen in the room, or given up by its author.
   *
   * @param {string} clientId
   */
  remove(clientId) {
    this.#options.drafts.delete(clientId);
  }

  /**
   * The line is up. What somebody else wrote on this device is never sent in a new name: whether
   * the server already has it can't be told under another author.
   *
   * @param {string} author
   */
  resume(author) {
    this.pause();
    this.#online = true;
    this.#tries = 0;
    for (const draft of this.#options.drafts.all()) {
      if (draft.author !== author && draft.state === "pending") {
        this.#change(draft, "failed", "It was written under another sign-in.");
      }
    }
    const rooms = new Set(this.#options.drafts.all().map((draft) => draft.room));
    for (const room of rooms) this.#pump(room);
  }

  /** The line is down. */
  pause() {
    this.#online = false;
    for (const cancel of this.#pauses.values()) cancel();
    this.#pauses.clear();
  }

  /** @param {string} room */
  async #pump(room) {
    if (this.#busy.has(room) || this.#pauses.has(room)) return;
    this.#busy.add(room);
    while (this.#online) {
      const draft = this.of(room).find(({ state }) => state === "pending");
      if (!draft || !(await this.#send(draft))) break;
    }
    this.#busy.delete(room);
  }

  /**
   * @param {Draft} draft
   * @returns {Promise<boolean>} whether the next one may go
   */
  async #send(draft) {
    try {
      const ack = await this.#options.send(draft);
      this.#tries = 0;
      this.remove(draft.client_id);
      this.#options.onAck(draft, ack);
      return true;
    } catch (thrown) {
      const error = asChatError(thrown);
      if (error.isDisconnected) return false;
      this.#change(draft, error.temporary ? "pending" : "failed", error.message);
      if (error.temporary && this.#online) this.#retryLater(draft.room);
      return !error.temporary;
    }
  }

  /** @param {string} room */
  #retryLater(room) {
    const resume = () => {
      this.#pauses.delete(room);
      this.#pump(room);
    };
    this.#pauses.set(room, this.#options.timers.after(backoffMs(this.#tries++), resume));
  }

  /**
   * @param {Draft} draft
   * @param {Draft["state"]} state
   * @param {string} reason
   */
  #change(draft, state, reason) {
    // The event may have come while the command was under way: then there is nothing to say.
    if (!this.#options.drafts.get(draft.client_id)) return;
    const changed = { ...draft, state, reason };
    this.#options.drafts.put(changed);
    this.#options.onChange(changed);
  }
}
