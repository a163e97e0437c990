// @ts-check
import { isMember } from "./rooms.js";

/**
 * Whether somebody looks at the newest message of the open room; what is in sight then is read.
 *
 * @typedef {import("./conversation.js").Conversation} Conversation
 */
export class Reading {
  #current;
  #rooms;
  #visible = true;
  #atEnd = false;

  /**
   * @param {import("./store.js").Store<Conversation | null>} current
   * @param {import("./room-list.js").RoomList} rooms
   */
  constructor(current, rooms) {
    this.#current = current;
    this.#rooms = rooms;
  }

  /** @param {boolean} visible whether somebody may be looking */
  setVisible(visible) {
    this.#visible = visible;
    this.go();
  }

  /** @param {boolean} atEnd whether the newest message of the open room is in sight */
  setAtEnd(atEnd) {
    this.#atEnd = atEnd;
    this.go();
  }

  /** @param {string} room whether it is the one that is looked at */
  isAt(room) {
    return this.#visible && this.#current.value?.room === room;
  }

  /** Marks what is in sight. */
  go() {
    const conversation = this.#current.value;
    if (!conversation?.view.value.loaded || !this.#visible || !this.#atEnd) return;
    const room = this.#rooms.find(conversation.room);
    this.#rooms.clearUnread(conversation.room);
    if (room && isMember(room)) this.#rooms.marks.readTo(room.id, conversation.newest);
  }
}
