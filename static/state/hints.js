// @ts-check
/** Hints of one moment are followed together: a list that is asked for again says all of it. */
const LOOK_AFTER_MS = 150;

/**
 * What the server tells of one's own: read on another device, let into a room, called otherwise. A hint says where to
 * look; it may be lost, and come twice.
 *
 * @typedef {import("../protocol/vocabulary.js").Hint} Hint
 */
export class Hints {
  #rooms;
  #identity;
  #timers;
  #look;
  #looking = false;

  /**
   * @param {object} of
   * @param {import("./room-list.js").RoomList} of.rooms
   * @param {import("./identity.js").Identity} of.identity
   * @param {import("../protocol/timers.js").Timers} of.timers
   * @param {() => void} of.look asks for the rooms anew
   */
  constructor({ rooms, identity, timers, look }) {
    this.#rooms = rooms;
    this.#identity = identity;
    this.#timers = timers;
    this.#look = look;
  }

  /** @param {Hint | undefined} hint */
  take(hint) {
    if (hint?.type === "read.marked" && hint.room) {
      this.#rooms.readElsewhere(hint.room, hint.offset ?? 0, hint.unread ?? 0);
    } else if (hint?.type === "user.updated" && hint.user) {
      this.#identity.rename(hint.user);
    } else if (!this.#looking) {
      this.#looking = true;
      this.#timers.after(LOOK_AFTER_MS, () => {
        this.#looking = false;
        this.#look();
      });
    }
  }
}
