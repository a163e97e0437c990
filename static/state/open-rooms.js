// @ts-check
import { Conversation } from "./conversation.js";

/**
 * The rooms that were opened on this page. They stay subscribed, so that coming back to one
 * shows it at once and its unread messages can be counted.
 *
 * @typedef {import("./conversation.js").Context} Context
 */
export class OpenRooms {
  /** @type {Map<string, Conversation>} */
  #open = new Map();

  /** @param {string} room */
  get(room) {
    return this.#open.get(room);
  }

  /**
   * @param {string} room
   * @param {Context} context
   * @param {readonly import("./message-log.js").Echo[]} echoes what is still on its way there
   */
  open(room, context, echoes) {
    const known = this.#open.get(room);
    if (known) return known;
    const conversation = new Conversation(room, context);
    for (const echo of echoes) conversation.putEcho(echo);
    this.#open.set(room, conversation);
    return conversation;
  }

  /**
   * A message has its place. One that was sent again after a break may have got it long ago.
   *
   * @param {import("../protocol/outbox.js").Draft} draft
   * @param {string} id as in the ack
   * @param {boolean} isOld whether it was written before the line was up
   */
  acknowledged(draft, id, isOld) {
    const conversation = this.#open.get(draft.room);
    conversation?.putEcho({ ...draft, state: "sent", reason: undefined });
    if (isOld) conversation?.locate(draft.client_id, id);
  }

  /** @param {string} room */
  close(room) {
    this.#open.get(room)?.close();
    this.#open.delete(room);
  }

  /** The line is gone: what was heard of who is around is old. */
  lost() {
    for (const conversation of this.#open.values()) conversation.company.lost();
  }

  closeAll() {
    for (const room of [...this.#open.keys()]) this.close(room);
  }
}
