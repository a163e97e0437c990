// @ts-check
/** The room that everyone is in. */
export const GENERAL = "general";

/**
 * The rooms one may see, as far as the server told. Pure values: every function gives a new list.
 *
 * @typedef {import("../protocol/vocabulary.js").RoomInfo} RoomInfo
 * @typedef {import("../protocol/vocabulary.js").RoomEvent} RoomEvent
 */

/**
 * Whether one may write there.
 *
 * @param {RoomInfo} room
 */
export function isMember(room) {
  return room.kind === "general" || room.kind === "direct" || room.role !== undefined;
}

/** @param {RoomInfo} room */
export function titleOf(room) {
  if (room.name) return room.name;
  return room.kind === "direct" ? "Direct messages" : room.id;
}

/**
 * The global room first, then one's own, then the others, each by name.
 *
 * @param {readonly RoomInfo[]} rooms
 * @returns {RoomInfo[]}
 */
export function sorted(rooms) {
  const rank = (/** @type {RoomInfo} */ room) =>
    room.kind === "general" ? 0 : isMember(room) ? 1 : 2;
  return [...rooms].sort(
    (a, b) => rank(a) - rank(b) || titleOf(a).localeCompare(titleOf(b)) || (a.id < b.id ? -1 : 1),
  );
}

/**
 * @param {readonly RoomInfo[]} rooms
 * @param {RoomInfo} room in place of what was known of it
 */
export function withRoom(rooms, room) {
  return sorted([...rooms.filter(({ id }) => id !== room.id), room]);
}

/**
 * What an event of a room's log changes in the list. What the room's own object already counts,
 * its `head` tells.
 *
 * @param {readonly RoomInfo[]} rooms
 * @param {RoomEvent} event
 * @returns {readonly RoomInfo[]} the same list where nothing changed
 */
export function afterEvent(rooms, event) {
  const room = rooms.find(({ id }) => id === event.room);
  const change = room && changeBy(event, room.member_count);
  if (!room || !change || event.offset === undefined || event.offset <= room.head) return rooms;
  return withRoom(rooms, { ...room, ...change, head: event.offset });
}

/**
 * @param {RoomEvent} event
 * @param {number} memberCount
 * @returns {{ member_count?: number, name?: string, topic?: string } | null}
 */
function changeBy(event, memberCount) {
  switch (event.type) {
    case "member.joined":
      return { member_count: memberCount + 1 };
    case "member.removed":
      return { member_count: Math.max(0, memberCount - 1) };
    case "room.updated":
      return { name: event.room_state?.name, topic: event.room_state?.topic };
    default:
      return null;
  }
}
