// @ts-check
/**
 * An element that shows a part of the chat. Its markup is in the page; this is its behaviour,
 * which ends when the element leaves the page.
 *
 * @typedef {import("../state/chat.js").Chat} Chat
 */
export class ChatElement extends HTMLElement {
  #life = new AbortController();

  /** @param {Chat} chat */
  attach(chat) {
    this.#life.abort();
    this.#life = new AbortController();
    this.start(chat, this.#life.signal);
  }

  disconnectedCallback() {
    this.#life.abort();
  }

  /**
   * @param {Chat} _chat
   * @param {AbortSignal} _signal ends listeners and watches
   */
  start(_chat, _signal) {}
}
