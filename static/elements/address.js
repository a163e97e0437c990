// @ts-check
const PREFIX = "#/rooms/";

/** @param {string} room */
export function addressOf(room) {
  return PREFIX + room;
}

/**
 * @param {string} hash of the page's address
 * @returns {string | null} the room it names
 */
export function roomAt(hash) {
  const room = hash.startsWith(PREFIX) ? hash.slice(PREFIX.length) : "";
  return /^[A-Za-z0-9_-]{1,64}$/.test(room) ? room : null;
}
