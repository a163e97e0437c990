// @ts-check
/**
 * The words of the protocol as types. Nothing here runs.
 *
 * @typedef {{ id: string, name: string, guest?: boolean }} User
 *
 * @typedef {object} RoomInfo
 * @property {string} id
 * @property {string} [name] of a direct room: that of the other one
 * @property {"general" | "public" | "private" | "direct"} kind
 * @property {string} [topic]
 * @property {number} head offset of the newest event
 * @property {string} epoch
 * @property {number} messages
 * @property {number} member_count
 * @property {string} [role] absent for who isn't a member
 * @property {number} [read] offset up to where it was read; absent for who isn't a member
 * @property {number} [unread] messages after that; absent with it
 *
 * @typedef {object} RoomEvent
 * @property {string} type dotted, noun before past participle
 * @property {string} room
 * @property {number} [offset] its place; absent in ephemeral events
 * @property {number} [time] ms since the Unix epoch
 * @property {string} [id]
 * @property {User} [user] who acted; absent where the server did
 * @property {string} [client_id]
 * @property {string} [text]
 * @property {User} [member]
 * @property {"left" | "removed" | "banned"} [reason]
 * @property {{ name?: string, kind?: string, topic?: string }} [room_state]
 * @property {number} [expires_ms] how long a `typing` is to be shown
 * @property {number} [count] users who are in the room, in a `presence.tick`
 *
 * @typedef {object} HistoryPage
 * @property {RoomEvent[]} events ascending
 * @property {number} [prev] go on from here with `before`; absent at the beginning
 * @property {number} [next] go on from here with `after`; absent at the end
 * @property {string} epoch
 * @property {number} head
 *
 * @typedef {object} Hint what is said in a user's own channel
 * @property {string} type
 * @property {string} [room]
 * @property {number} [offset] up to where it was read, in a `read.marked`
 * @property {number} [unread] messages after that
 * @property {User} [user] oneself in a `user.updated`, else who acted
 *
 * @typedef {{ id: string, name: string, role: "owner" | "member" }} Member
 * @typedef {{ code: number, message: string, temporary?: boolean }} WireError
 * @typedef {{ data: RoomEvent, offset?: number }} Publication
 *
 * @typedef {object} ConnectResult
 * @property {string} client
 * @property {number} [ping] seconds between pings
 * @property {boolean} [pong] whether pings want an answer
 * @property {boolean} [expires]
 * @property {number} [ttl] seconds until the token expires
 * @property {Welcome} [data]
 *
 * @typedef {{ user?: User, limits?: { text_bytes_max?: number } }} Welcome
 *
 * @typedef {object} SubscribeResult
 * @property {string} [epoch]
 * @property {number} [offset]
 * @property {boolean} [recovered]
 * @property {Publication[]} [publications]
 *
 * @typedef {object} Push
 * @property {string} [channel]
 * @property {Publication} [pub]
 * @property {{ code?: number, reason?: string }} [unsubscribe]
 * @property {{ code: number, reason?: string }} [disconnect]
 *
 * @typedef {object} Reply
 * @property {number} [id]
 * @property {WireError} [error]
 * @property {Push} [push]
 * @property {ConnectResult} [connect]
 * @property {SubscribeResult} [subscribe]
 * @property {{ data?: any }} [rpc]
 * @property {{ expires?: boolean, ttl?: number }} [refresh]
 */
export {};
