// @ts-check
import { make } from "./dom.js";

const HUES = 12;

/**
 * Initials on a colour that is the user's own. Decoration: the name stands beside it.
 *
 * @param {import("../protocol/vocabulary.js").User} user
 */
export function avatar(user) {
  const attributes = { class: "avatar", "aria-hidden": "true", "data-hue": String(hueOf(user.id)) };
  return make("span", attributes, [initialsOf(user.name)]);
}

/**
 * @param {string} name
 * @returns {string} one or two characters, whole ones also where they take several code units
 */
export function initialsOf(name) {
  const words = name.trim().split(/\s+/);
  const picked = words.length > 1 ? [words[0], words[words.length - 1]] : words;
  return picked.map((word) => [...word][0] ?? "?").join("").toLocaleUpperCase();
}

/**
 * @param {string} id
 * @returns {number} 0 to 11, the same for ever
 */
export function hueOf(id) {
  let hash = 0x811c9dc5;
  for (const character of id) hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193);
  return (hash >>> 0) % HUES;
}
