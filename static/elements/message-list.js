// @ts-check
import { ChatElement } from "./chat-element.js";
import { part, say } from "./dom.js";
import { makeRow, updateRow } from "./message-row.js";

/** Nearer to the end than this counts as being there. */
const END_PX = 64;

/**
 * The messages of the open room. Whoever is at the newest stays there; whoever reads above is
 * left in peace and told by a button that there is more.
 *
 * @typedef {import("../state/conversation.js").Conversation} Conversation
 * @typedef {import("../state/conversation.js").View} View
 * @typedef {import("../state/timeline.js").Row} Row
 */
export class MessageList extends ChatElement {
  /** @type {Map<string, HTMLLIElement>} */
  #items = new Map();
  /** @type {Conversation | null} */
  #conversation = null;
  #pinned = true;
  #lastKey = "";
  /** @type {import("../state/chat.js").Chat | undefined} */
  #chat;

  /**
   * @param {import("../state/chat.js").Chat} chat
   * @param {AbortSignal} signal
   */
  start(chat, signal) {
    this.#chat = chat;
    this.scroller = part(this, "scroller");
    this.rows = part(this, "rows");
    this.older = part(this, "older");
    this.newest = part(this, "newest");
    /** @type {AbortController} */
    let watching = new AbortController();
    signal.addEventListener("abort", () => watching.abort());
    chat.current.watch((conversation) => {
      watching.abort();
      watching = new AbortController();
      this.#enter(conversation);
      conversation?.view.watch((view) => this.#show(view), watching.signal);
    }, signal);
    this.#listen(chat, signal);
  }

  /**
   * @param {import("../state/chat.js").Chat} chat
   * @param {AbortSignal} signal
   */
  #listen(chat, signal) {
    this.scroller?.addEventListener("scroll", () => this.#scrolled(), { signal, passive: true });
    this.newest?.addEventListener("click", () => this.#toEnd(), { signal });
    this.older?.addEventListener("click", () => this.#conversation?.loadOlder(), { signal });
    this.rows?.addEventListener("click", (event) => act(chat, event), { signal });
    // The window, the keyboard of a phone or a growing composer changes the height.
    const resized = new ResizeObserver(() => this.#pinned && this.#toEnd());
    if (this.scroller) resized.observe(this.scroller);
    signal.addEventListener("abort", () => resized.disconnect());
  }

  /** @param {Conversation | null} conversation */
  #enter(conversation) {
    this.#conversation = conversation;
    this.#items.clear();
    this.rows?.replaceChildren();
    this.#pinned = true;
    this.#lastKey = "";
  }

  /** @param {View} view */
  #show(view) {
    const { scroller, older, newest } = this;
    if (!scroller || !older || !newest) return;
    const fromEnd = scroller.scrollHeight - scroller.scrollTop;
    const firstBefore = this.rows?.firstElementChild;
    say(part(this, "hint"), hintOf(view));
    older.hidden = !view.older;
    older.toggleAttribute("disabled", view.loadingOlder);
    say(older, view.loadingOlder ? "Loading…" : "Show earlier messages");
    this.#place(view.rows);
    const last = view.rows.at(-1);
    const grew = last !== undefined && last.key !== this.#lastKey;
    this.#lastKey = last?.key ?? "";
    if (this.#pinned || (grew && last.kind === "message" && last.echo)) this.#toEnd();
    else if (this.rows?.firstElementChild !== firstBefore) {
      // Rows came in above: what is being read stays where it is.
      scroller.scrollTop = scroller.scrollHeight - fromEnd;
    } else if (grew) newest.hidden = false;
    this.#chat?.reading.setAtEnd(this.#pinned);
  }

  /**
   * Brings the list items into the order of the rows, touching only what differs.
   *
   * @param {readonly Row[]} rows
   */
  #place(rows) {
    const keys = new Set(rows.map((row) => row.key));
    for (const [key, item] of this.#items) {
      if (keys.has(key)) continue;
      item.remove();
      this.#items.delete(key);
    }
    let next = this.rows?.firstElementChild ?? null;
    for (const row of rows) {
      const known = this.#items.get(row.key);
      const item = known ?? makeRow(row);
      if (known) updateRow(known, row);
      else this.#items.set(row.key, item);
      if (item === next) next = item.nextElementSibling;
      else this.rows?.insertBefore(item, next);
    }
  }

  #scrolled() {
    const { scroller } = this;
    if (!scroller) return;
    this.#pinned = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < END_PX;
    if (this.#pinned && this.newest) this.newest.hidden = true;
    this.#chat?.reading.setAtEnd(this.#pinned);
    if (this.#pinned) this.#conversation?.trim();
    else if (scroller.scrollTop < scroller.clientHeight / 2) this.#conversation?.loadOlder();
  }

  #toEnd() {
    this.#pinned = true;
    if (this.newest) this.newest.hidden = true;
    if (this.scroller) this.scroller.scrollTop = this.scroller.scrollHeight;
  }
}

/** @param {View} view */
function hintOf(view) {
  if (view.problem) return view.problem;
  if (!view.loaded) return "Loading messages…";
  return view.older ? "" : "This is the beginning of the room.";
}

/**
 * @param {import("../state/chat.js").Chat} chat
 * @param {Event} event
 */
function act(chat, event) {
  const button = event.target instanceof Element ? event.target.closest("button") : null;
  const clientId = button?.dataset.clientId;
  if (!clientId) return;
  if (button.dataset.action === "retry") chat.retry(clientId);
  if (button.dataset.action === "discard") chat.discard(clientId);
}
