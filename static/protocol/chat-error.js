// @ts-check
import { ERROR_CODES } from "./codes.js";

/** @typedef {import("./vocabulary.js").WireError} WireError */

/** Codes below 100 never come from the server: the client made them. */
const TIMEOUT = 1;
const DISCONNECTED = 2;

/** A refusal, by the server or by the lack of one. */
export class ChatError extends Error {
  /**
   * @param {number} code
   * @param {string} label the code's name in snake_case
   * @param {string} sentence what to do, for people
   * @param {boolean} temporary whether the same thing may succeed later
   */
  constructor(code, label, sentence, temporary) {
    super(sentence);
    this.name = "ChatError";
    this.code = code;
    this.label = label;
    this.temporary = temporary;
  }

  /**
   * On the wire a message reads `name: sentence`.
   *
   * @param {WireError} wire
   */
  static fromWire(wire) {
    const parts = /^([a-z_]+): ([^]+)$/.exec(wire.message ?? "");
    const [label, sentence] = parts ? [parts[1], parts[2]] : ["", wire.message || "Refused."];
    return new ChatError(wire.code, label, asSentence(sentence), wire.temporary === true);
  }

  /**
   * From the body of an `application/problem+json` answer, or whatever came in its stead.
   *
   * @param {number} status HTTP
   * @param {any} problem
   */
  static fromProblem(status, problem) {
    const label = typeof problem?.code === "string" ? problem.code : "";
    const known = Object.entries(ERROR_CODES).find(([name]) => name === label);
    const code = known ? known[1] : status === 401 ? ERROR_CODES.unauthorized : 0;
    const sentence = problem?.detail ?? problem?.title ?? `The server answered ${status}.`;
    const temporary = problem?.temporary ?? (status >= 500 || status === 429);
    return new ChatError(code, label, asSentence(String(sentence)), temporary === true);
  }

  static timeout() {
    return new ChatError(TIMEOUT, "timeout", "The server did not answer in time.", true);
  }

  static disconnected() {
    return new ChatError(DISCONNECTED, "disconnected", "There is no connection.", true);
  }

  get isDisconnected() {
    return this.code === DISCONNECTED;
  }

  get isTimeout() {
    return this.code === TIMEOUT;
  }
}

/**
 * Servers write advice in lower case, without a stop; people read sentences.
 *
 * @param {string} advice
 */
function asSentence(advice) {
  const text = advice.trim();
  return text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? "" : ".");
}

/**
 * Anything thrown, as a refusal: a failed `fetch` throws a TypeError, and trying again may help.
 *
 * @param {unknown} thrown
 * @returns {ChatError}
 */
export function asChatError(thrown) {
  return thrown instanceof ChatError ? thrown : ChatError.disconnected();
}
