// @ts-check
import { avatar } from "./avatar.js";
import { ChatElement } from "./chat-element.js";
import { make } from "./dom.js";

/** Who one is here. */
export class UserCard extends ChatElement {
  /**
   * @param {import("../state/chat.js").Chat} chat
   * @param {AbortSignal} signal
   */
  start(chat, signal) {
    chat.identity.user.watch((user) => {
      if (!user) return this.replaceChildren();
      const standing = make("span", { class: "standing" }, [user.guest ? "Guest" : "You"]);
      const words = make("p", {}, [make("span", { class: "name" }, [user.name]), standing]);
      this.replaceChildren(avatar(user), words);
    }, signal);
  }
}
