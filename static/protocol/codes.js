// @ts-check
/**
 * Every number that the server may put on the wire. A test compares these tables with the
 * server's own, so a code can't be added on one side only.
 */

/** Codes in error replies. 100–199 belong to the protocol, 400 and up to the chat. */
export const ERROR_CODES = Object.freeze({
  internal: 100,
  unauthorized: 101,
  unknown_channel: 102,
  permission_denied: 103,
  method_not_found: 104,
  already_subscribed: 105,
  limit_exceeded: 106,
  bad_request: 107,
  not_available: 108,
  token_expired: 109,
  expired: 110,
  too_many_requests: 111,
  unrecoverable_position: 112,
  unavailable: 400,
  room_not_found: 401,
  not_a_member: 402,
  banned: 403,
  muted: 404,
  room_archived: 405,
  text_empty: 406,
  text_too_long: 407,
  name_taken: 408,
  client_id_reused: 409,
  slow_mode: 410,
});

/**
 * Why a connection was closed, or (2000–2999) a subscription ended. The ranges tell what to do;
 * the numbers are here for the few that need more than that.
 */
export const CLOSE_CODES = Object.freeze({
  invalid_utf8: 1007,
  message_too_big: 1009,
  unsubscribed: 2000,
  removed: 2100,
  removed_banned: 2101,
  lost_place: 2500,
  subscription_expired: 2501,
  normal: 3000,
  shutdown: 3001,
  server_error: 3004,
  expired: 3005,
  slow: 3008,
  insufficient_state: 3010,
  no_pong: 3012,
  too_many_requests: 3013,
  invalid_token: 3500,
  bad_request: 3501,
  stale: 3502,
  forced_no_reconnect: 3503,
});

/**
 * Whether a close means "don't come back by yourself". The range says it, not the single code,
 * so codes that this page has never heard of are understood too.
 *
 * @param {number} code
 * @returns {boolean}
 */
export function closeIsTerminal(code) {
  return (
    code === CLOSE_CODES.message_too_big ||
    (code >= 3500 && code <= 3999) ||
    (code >= 4500 && code <= 4999)
  );
}

/**
 * Whether an unsubscribe push asks the client to subscribe again from where it was.
 *
 * @param {number | undefined} code
 * @returns {boolean}
 */
export function unsubscribeIsTerminal(code) {
  return code !== undefined && code < 2500;
}
