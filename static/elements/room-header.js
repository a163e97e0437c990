// @ts-check
import { asChatError } from "../protocol/chat-error.js";
import { isMember, titleOf } from "../state/rooms.js";
import { ChatElement } from "./chat-element.js";
import { part, say } from "./dom.js";

/**
 * What the open room is, and the way in and out of it.
 *
 * @typedef {import("../protocol/vocabulary.js").RoomInfo} RoomInfo
 */
export class RoomHeader extends ChatElement {
  /**
   * @param {import("../state/chat.js").Chat} chat
   * @param {AbortSignal} signal
   */
  start(chat, signal) {
    const show = () => this.#show(chat);
    chat.current.watch(show, signal);
    chat.rooms.view.watch(show, signal);
    chat.surroundings.around.watch(show, signal);
    const join = (/** @type {string} */ room) => chat.join(room);
    const leave = (/** @type {string} */ room) => chat.leave(room);
    part(this, "join").addEventListener("click", () => this.#ask(chat, join), { signal });
    part(this, "leave").addEventListener("click", () => this.#ask(chat, leave), { signal });
    const people = new CustomEvent("people-wanted", { bubbles: true });
    part(this, "people").addEventListener("click", () => this.dispatchEvent(people), { signal });
    chat.current.watch(() => say(part(this, "problem"), ""), signal);
  }

  /** @param {import("../state/chat.js").Chat} chat */
  #show(chat) {
    const id = chat.current.value?.room ?? "";
    const room = chat.rooms.find(id);
    say(part(this, "title"), room ? titleOf(room) : id);
    say(part(this, "about"), room ? aboutOf(room, chat.surroundings.around.value.here) : "");
    part(this, "people").hidden = !room || room.kind === "direct";
    part(this, "join").hidden = !room || isMember(room);
    part(this, "leave").hidden = !room || !isMember(room) || !mayLeave(room);
  }

  /**
   * @param {import("../state/chat.js").Chat} chat
   * @param {(room: string) => Promise<void>} question
   */
  async #ask(chat, question) {
    const room = chat.current.value?.room;
    if (!room) return;
    try {
      await question(room);
      say(part(this, "problem"), "");
      // The button that was pressed is gone; the title tells where one is.
      part(this, "title").focus();
    } catch (thrown) {
      say(part(this, "problem"), asChatError(thrown).message);
    }
  }
}

/** @param {RoomInfo} room */
function mayLeave(room) {
  return room.kind === "public" || room.kind === "private";
}

/**
 * @param {RoomInfo} room
 * @param {number} [here] how many are in it now
 */
function aboutOf(room, here) {
  // The list of rooms may be older than what is heard of this one.
  const count = Math.max(room.member_count, room.kind === "general" ? (here ?? 0) : 0);
  const people = count === 1 ? "1 person" : `${count} people`;
  return [people, here === undefined ? "" : `${here} here now`, room.topic].filter(Boolean).join(" · ");
}
