// @ts-check
import { ChatElement } from "./chat-element.js";
import { part, say } from "./dom.js";

const SECOND_MS = 1000;

/**
 * How the line is, in words, with a way to bring it back at once.
 *
 * @typedef {import("../protocol/connection.js").Status} Status
 */
export class ConnectionStatus extends ChatElement {
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #countdown;

  /**
   * @param {import("../state/chat.js").Chat} chat
   * @param {AbortSignal} signal
   */
  start(chat, signal) {
    const again = part(this, "again");
    again.addEventListener("click", () => chat.connect(), { signal });
    chat.status.watch((status) => {
      clearInterval(this.#countdown);
      this.hidden = status.phase === "idle";
      this.dataset.phase = status.phase;
      this.title = status.reason ?? "";
      again.hidden = status.phase !== "waiting" && status.phase !== "stopped";
      const tell = () => say(part(this, "text"), wordsOf(status, Date.now()));
      tell();
      if (status.phase === "waiting") this.#countdown = setInterval(tell, SECOND_MS);
    }, signal);
    signal.addEventListener("abort", () => clearInterval(this.#countdown));
  }
}

/**
 * @param {Status} status
 * @param {number} now ms since the Unix epoch
 */
export function wordsOf({ phase, reason, retry_at }, now) {
  switch (phase) {
    case "online":
      return "Connected";
    case "connecting":
      return "Connecting…";
    case "waiting": {
      const seconds = Math.max(1, Math.ceil(((retry_at ?? now) - now) / SECOND_MS));
      return `Offline, next try in ${seconds} s`;
    }
    case "stopped":
      return `Disconnected. ${reason ?? ""}`.trim();
    default:
      return "";
  }
}
