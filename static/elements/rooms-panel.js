// @ts-check
import { find } from "./dom.js";

/**
 * On narrow screens the rooms are a panel that opens over the conversation.
 *
 * @param {import("../state/chat.js").Chat} chat
 * @param {HTMLElement} toggle
 */
export function openRoomsBy(chat, toggle) {
  const isOpen = () => document.body.hasAttribute("data-rooms-open");
  const set = (/** @type {boolean} */ open) => {
    document.body.toggleAttribute("data-rooms-open", open);
    toggle.setAttribute("aria-expanded", String(open));
  };
  toggle.addEventListener("click", () => set(!isOpen()));
  chat.current.watch(() => {
    if (!isOpen()) return;
    set(false);
    // The link that was followed is out of sight now.
    find(document, "#room-title", HTMLElement).focus();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !isOpen()) return;
    set(false);
    toggle.focus();
  });
}
