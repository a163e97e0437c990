// @ts-check
import { GENERAL, isMember, titleOf } from "../state/rooms.js";
import { ChatElement } from "./chat-element.js";
import { find, part, say } from "./dom.js";
import { sendsMessage } from "./send-key.js";

/** The field grows with its lines, up to this many. */
const ROWS_MAX = 8;

/** Where messages are written. */
export class MessageComposer extends ChatElement {
  /**
   * @param {import("../state/chat.js").Chat} chat
   * @param {AbortSignal} signal
   */
  start(chat, signal) {
    const form = find(this, "form", HTMLFormElement);
    const field = find(this, "textarea", HTMLTextAreaElement);
    const problem = part(this, "problem");
    form.addEventListener(
      "submit",
      (event) => {
        event.preventDefault();
        const refusal = refusalOf(field.value, chat.textBytesMax);
        say(problem, refusal);
        if (refusal === "" && field.value.trim() !== "") {
          chat.send(field.value);
          field.value = "";
          field.rows = 1;
        }
        field.focus();
      },
      { signal },
    );
    field.addEventListener(
      "keydown",
      (event) => {
        if (!sendsMessage(event)) return;
        event.preventDefault();
        form.requestSubmit();
      },
      { signal },
    );
    field.addEventListener(
      "input",
      () => {
        field.rows = Math.min(ROWS_MAX, field.value.split("\n").length);
        if (field.value !== "") chat.surroundings.writing();
        say(problem, "");
      },
      { signal },
    );
    const show = () => this.#show(chat, form, field);
    chat.current.watch(show, signal);
    chat.rooms.view.watch(show, signal);
  }

  /**
   * @param {import("../state/chat.js").Chat} chat
   * @param {HTMLFormElement} form
   * @param {HTMLTextAreaElement} field
   */
  #show(chat, form, field) {
    const id = chat.current.value?.room ?? GENERAL;
    const room = chat.rooms.find(id);
    // A room that isn't listed yet may well be one's own: the server will say if it isn't.
    const mayWrite = room === undefined || isMember(room);
    form.hidden = !mayWrite;
    part(this, "reader").hidden = mayWrite;
    field.placeholder = `Message ${room ? titleOf(room) : id}`;
  }
}

/**
 * @param {string} text
 * @param {number} bytesMax
 * @returns {string} empty where it may be sent
 */
function refusalOf(text, bytesMax) {
  const over = new TextEncoder().encode(text).length - bytesMax;
  return over > 0 ? `This is too long by ${over} bytes. Send it in several messages.` : "";
}
