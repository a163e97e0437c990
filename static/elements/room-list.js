// @ts-check
import { isMember, titleOf } from "../state/rooms.js";
import { addressOf } from "./address.js";
import { ChatElement } from "./chat-element.js";
import { find, make, part, say } from "./dom.js";

/**
 * The rooms, as links: they can be opened in a tab, copied, and walked with the keyboard.
 *
 * @typedef {import("../protocol/vocabulary.js").RoomInfo} RoomInfo
 */
export class RoomListElement extends ChatElement {
  /** @type {Map<string, HTMLLIElement>} */
  #items = new Map();

  /**
   * @param {import("../state/chat.js").Chat} chat
   * @param {AbortSignal} signal
   */
  start(chat, signal) {
    const show = () => this.#show(chat);
    chat.rooms.view.watch(show, signal);
    chat.current.watch(show, signal);
    part(this, "refresh").addEventListener("click", () => chat.refreshRooms(), { signal });
    part(this, "new").addEventListener(
      "click",
      () => this.dispatchEvent(new CustomEvent("room-wanted", { bubbles: true })),
      { signal },
    );
  }

  /** @param {import("../state/chat.js").Chat} chat */
  #show(chat) {
    const { rooms, unread } = chat.rooms.view.value;
    const current = chat.current.value?.room;
    const items = rooms.map((room) => {
      const item = this.#items.get(room.id) ?? makeItem(room.id);
      this.#items.set(room.id, item);
      updateItem(item, room, room.id === current, unread[room.id] ?? 0);
      return item;
    });
    const list = part(this, "list");
    const same =
      list.children.length === items.length && items.every((item, at) => list.children[at] === item);
    // Moving the nodes would take the focus away from whoever walks them.
    if (!same) list.replaceChildren(...items);
  }
}

/** @param {string} id */
function makeItem(id) {
  return make("li", {}, [
    make("a", { href: addressOf(id) }, [
      make("span", { class: "name" }),
      make("span", { class: "unread", hidden: "" }),
      make("span", { class: "standing" }),
    ]),
  ]);
}

/**
 * @param {HTMLLIElement} item
 * @param {RoomInfo} room
 * @param {boolean} current
 * @param {number} unread
 */
function updateItem(item, room, current, unread) {
  const link = find(item, "a", HTMLAnchorElement);
  if (current) link.setAttribute("aria-current", "page");
  else link.removeAttribute("aria-current");
  link.classList.toggle("has-unread", unread > 0);
  link.classList.toggle("direct", room.kind === "direct");
  say(find(item, ".name", HTMLElement), titleOf(room));
  say(find(item, ".standing", HTMLElement), isMember(room) ? "" : "not joined");
  const badge = find(item, ".unread", HTMLElement);
  badge.hidden = unread === 0;
  say(badge, unread === 0 ? "" : `${unread} new`);
}
