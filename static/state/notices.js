// @ts-check
/** @typedef {import("../protocol/vocabulary.js").RoomEvent} RoomEvent */

const REMOVALS = Object.freeze({ left: "left", removed: "was removed", banned: "was banned" });

/**
 * What to say about an event that is no message. Nothing for voids and for types that this page
 * doesn't know: newer servers may have some.
 *
 * @param {RoomEvent} event
 * @returns {string | null}
 */
export function noticeOf(event) {
  const actor = event.user?.name;
  const member = event.member?.name ?? "Somebody";
  const name = event.room_state?.name ?? "this room";
  switch (event.type) {
    case "member.joined":
      return `${member} joined`;
    case "member.removed":
      return `${member} ${REMOVALS[event.reason ?? "left"] ?? REMOVALS.left}`;
    case "room.created":
      return actor ? `${actor} created ${name}` : `${name} begins here`;
    case "room.updated":
      return `${actor ?? "The server"} changed the room: ${name}`;
    default:
      return null;
  }
}
