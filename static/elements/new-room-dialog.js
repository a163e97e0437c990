// @ts-check
import { asChatError } from "../protocol/chat-error.js";
import { addressOf } from "./address.js";
import { ChatElement } from "./chat-element.js";
import { find, part, say } from "./dom.js";

/** Asks for what a new room needs, and opens it. */
export class NewRoomDialog extends ChatElement {
  /**
   * @param {import("../state/chat.js").Chat} chat
   * @param {AbortSignal} signal
   */
  start(chat, signal) {
    const dialog = find(this, "dialog", HTMLDialogElement);
    const form = find(this, "form", HTMLFormElement);
    document.addEventListener(
      "room-wanted",
      () => {
        form.reset();
        say(part(this, "problem"), "");
        dialog.showModal();
      },
      { signal },
    );
    part(this, "cancel").addEventListener("click", () => dialog.close(), { signal });
    // A complaint lasts until it is being dealt with.
    form.addEventListener(
      "input",
      () => {
        find(this, '[name="name"]', HTMLInputElement).removeAttribute("aria-invalid");
        say(part(this, "problem"), "");
      },
      { signal },
    );
    form.addEventListener(
      "submit",
      (event) => {
        event.preventDefault();
        this.#create(chat, dialog);
      },
      { signal },
    );
  }

  /**
   * @param {import("../state/chat.js").Chat} chat
   * @param {HTMLDialogElement} dialog
   */
  async #create(chat, dialog) {
    const field = find(this, '[name="name"]', HTMLInputElement);
    const topic = find(this, '[name="topic"]', HTMLInputElement).value.trim();
    const button = find(this, '[type="submit"]', HTMLButtonElement);
    const name = field.value.trim();
    if (name === "") {
      field.setAttribute("aria-invalid", "true");
      field.focus();
      return say(part(this, "problem"), "Enter a name for the room.");
    }
    button.disabled = true;
    try {
      const room = await chat.rooms.create(name, topic);
      dialog.close();
      location.hash = addressOf(room.id);
    } catch (thrown) {
      say(part(this, "problem"), asChatError(thrown).message);
    } finally {
      button.disabled = false;
    }
  }
}
