// @ts-check
import { asChatError } from "../protocol/chat-error.js";
import { addressOf } from "./address.js";
import { avatar } from "./avatar.js";
import { ChatElement } from "./chat-element.js";
import { find, make, part, say } from "./dom.js";

/**
 * Who is a member of the open room, by name, and the way to talk with one of them alone.
 *
 * @typedef {import("../protocol/vocabulary.js").Member} Member
 * @typedef {import("../state/chat.js").Chat} Chat
 */
export class PeopleDialog extends ChatElement {
  /** Counts openings: what was asked for before is of another room. */
  #turn = 0;
  #room = "";
  /** @type {string | undefined} */
  #cursor;

  /**
   * @param {Chat} chat
   * @param {AbortSignal} signal
   */
  start(chat, signal) {
    const dialog = find(this, "dialog", HTMLDialogElement);
    document.addEventListener("people-wanted", () => this.#open(chat, dialog), { signal });
    part(this, "close").addEventListener("click", () => dialog.close(), { signal });
    part(this, "more").addEventListener("click", () => this.#read(chat), { signal });
    part(this, "list").addEventListener(
      "click",
      (event) => {
        const button = event.target instanceof Element ? event.target.closest("button") : null;
        if (button?.dataset.user) this.#message(chat, dialog, button);
      },
      { signal },
    );
  }

  /**
   * @param {Chat} chat
   * @param {HTMLDialogElement} dialog
   */
  #open(chat, dialog) {
    this.#turn++;
    this.#room = chat.current.value?.room ?? "";
    this.#cursor = undefined;
    part(this, "list").replaceChildren();
    dialog.showModal();
    this.#read(chat);
  }

  /** @param {Chat} chat the next part of the list */
  async #read(chat) {
    const turn = this.#turn;
    const more = part(this, "more");
    more.hidden = true;
    say(part(this, "problem"), "");
    try {
      const { items, next } = await chat.rooms.members(this.#room, this.#cursor);
      if (turn !== this.#turn) return;
      this.#cursor = next;
      const me = chat.identity.user.value?.id;
      part(this, "list").append(...items.map((member) => makePerson(member, member.id === me)));
      more.hidden = next === undefined;
    } catch (thrown) {
      if (turn === this.#turn) say(part(this, "problem"), asChatError(thrown).message);
    }
  }

  /**
   * @param {Chat} chat
   * @param {HTMLDialogElement} dialog
   * @param {HTMLButtonElement} button
   */
  async #message(chat, dialog, button) {
    button.disabled = true;
    try {
      const room = await chat.rooms.begin(button.dataset.user ?? "");
      dialog.close();
      location.hash = addressOf(room.id);
    } catch (thrown) {
      say(part(this, "problem"), asChatError(thrown).message);
    } finally {
      button.disabled = false;
    }
  }
}

/**
 * @param {Member} member
 * @param {boolean} isMe
 */
function makePerson(member, isMe) {
  const standing = [isMe ? "you" : "", member.role === "owner" ? "owner" : ""].filter(Boolean);
  const words = make("p", {}, [
    make("span", { class: "name" }, [member.name]),
    make("span", { class: "standing" }, [standing.join(", ")]),
  ]);
  const attributes = { type: "button", class: "button small", "data-user": member.id };
  const message = make("button", { ...attributes, "aria-label": `Message ${member.name}` }, ["Message"]);
  return make("li", {}, [avatar(member), words, ...(isMe ? [] : [message])]);
}
