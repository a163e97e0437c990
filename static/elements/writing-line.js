// @ts-check
import { writingWords } from "../state/company.js";
import { ChatElement } from "./chat-element.js";
import { say } from "./dom.js";

/** Who is writing in the open room. */
export class WritingLine extends ChatElement {
  /**
   * @param {import("../state/chat.js").Chat} chat
   * @param {AbortSignal} signal
   */
  start(chat, signal) {
    chat.surroundings.around.watch(({ writing }) => say(this, writingWords(writing)), signal);
  }
}
