// @ts-check
/** How often the server is told at most, ms: a busy room must not spend the connection's commands. */
const TELL_EVERY_MS = 2000;

/**
 * Up to where each room was read on this page, and the telling of it to the server, which keeps it
 * for all devices.
 *
 * @typedef {(method: string, data: object) => Promise<any>} Rpc
 */
export class ReadMarks {
  #rpc;
  #timers;
  /** @type {Map<string, number>} offset by room */
  #read = new Map();
  /** Rooms that the server has still to be told of. @type {Set<string>} */
  #due = new Set();
  #waiting = false;

  /**
   * @param {Rpc} rpc
   * @param {import("../protocol/timers.js").Timers} timers
   */
  constructor(rpc, timers) {
    this.#rpc = rpc;
    this.#timers = timers;
  }

  /** @param {string} room */
  of(room) {
    return this.#read.get(room) ?? 0;
  }

  /**
   * @param {string} room
   * @param {number} offset of the newest event that was seen
   */
  readTo(room, offset) {
    if (offset <= this.of(room)) return;
    this.#read.set(room, offset);
    this.#due.add(room);
    if (!this.#waiting) this.#tell();
  }

  /**
   * The server knows it already.
   *
   * @param {string} room
   * @param {number} offset
   * @returns {boolean} whether it is news here
   */
  heard(room, offset) {
    if (offset <= this.of(room)) return false;
    this.#read.set(room, offset);
    return true;
  }

  /** Somebody else reads now. */
  forget() {
    this.#read.clear();
    this.#due.clear();
  }

  #tell() {
    for (const room of this.#due) {
      const offset = this.of(room);
      // What can't be told now is told with whatever is seen next.
      this.#rpc("read.mark", { room, offset }).catch(() => {
        if (this.of(room) === offset) this.#read.delete(room);
      });
    }
    this.#due.clear();
    this.#waiting = true;
    this.#timers.after(TELL_EVERY_MS, () => {
      this.#waiting = false;
      if (this.#due.size > 0) this.#tell();
    });
  }
}
