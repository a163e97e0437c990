// @ts-check
import { asChatError } from "../protocol/chat-error.js";
import { ChatElement } from "./chat-element.js";
import { find, part, say } from "./dom.js";

/** The first thing a new guest sees. */
export class NameForm extends ChatElement {
  /**
   * @param {import("../state/chat.js").Chat} chat
   * @param {AbortSignal} signal
   */
  start(chat, signal) {
    const form = find(this, "form", HTMLFormElement);
    // A complaint lasts until it is being dealt with.
    form.addEventListener(
      "input",
      () => {
        find(this, "input", HTMLInputElement).removeAttribute("aria-invalid");
        say(part(this, "problem"), "");
      },
      { signal },
    );
    form.addEventListener(
      "submit",
      (event) => {
        event.preventDefault();
        this.#enter(chat);
      },
      { signal },
    );
    chat.identity.user.watch((user) => {
      this.hidden = user !== null;
      if (user === null) find(this, "input", HTMLElement).focus();
    }, signal);
  }

  /** @param {import("../state/chat.js").Chat} chat */
  async #enter(chat) {
    const field = find(this, "input", HTMLInputElement);
    const button = find(this, "button", HTMLButtonElement);
    const name = field.value.trim();
    if (name === "") {
      field.setAttribute("aria-invalid", "true");
      field.focus();
      return say(part(this, "problem"), "Enter a name.");
    }
    say(part(this, "problem"), "");
    button.disabled = true;
    try {
      await chat.identity.enter(name);
      document.getElementById("message-text")?.focus();
    } catch (thrown) {
      say(part(this, "problem"), asChatError(thrown).message);
    } finally {
      button.disabled = false;
    }
  }
}
