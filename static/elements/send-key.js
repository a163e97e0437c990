// @ts-check
/** What browsers say instead of a key while an input method is at work. */
const IN_COMPOSITION = 229;

/**
 * Enter sends and Shift+Enter breaks the line. While an input method composes a word, Enter is
 * its own: Safari ends the composition before it tells of the key, so the key code is asked too.
 *
 * @param {Pick<KeyboardEvent, "key" | "shiftKey" | "ctrlKey" | "altKey" | "metaKey" | "isComposing" | "keyCode">} event
 * @returns {boolean}
 */
export function sendsMessage(event) {
  const modified = event.shiftKey || event.ctrlKey || event.altKey || event.metaKey;
  const composing = event.isComposing || event.keyCode === IN_COMPOSITION;
  return event.key === "Enter" && !modified && !composing;
}
