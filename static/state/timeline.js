// @ts-check
import { noticeOf } from "./notices.js";

/** Messages of one author within this time stand together under one name. */
const GROUP_MS = 5 * 60_000;

/**
 * What is shown of a room, top to bottom, derived from its log.
 *
 * @typedef {import("../protocol/vocabulary.js").User} User
 * @typedef {import("./message-log.js").Placed} Placed
 * @typedef {import("./message-log.js").Echo} Echo
 *
 * @typedef {{ kind: "day", key: string, time: number }} DayRow
 * @typedef {{ kind: "notice", key: string, time: number, text: string }} NoticeRow
 *
 * @typedef {object} MessageRow
 * @property {"message"} kind
 * @property {string} key the same for an echo and for the event that replaces it
 * @property {number} time
 * @property {User} user
 * @property {string} text
 * @property {boolean} mine
 * @property {boolean} leads whether it is the first of its author's group
 * @property {Echo} [echo] while it has no place
 *
 * @typedef {DayRow | NoticeRow | MessageRow} Row
 *
 * @param {readonly Placed[]} events
 * @param {readonly Echo[]} echoes
 * @param {User} me
 * @returns {Row[]}
 */
export function timeline(events, echoes, me) {
  /** @type {Row[]} */
  const rows = [];
  for (const event of events) {
    const row = event.type === "message.created" ? messageRow(event, me) : noticeRow(event);
    if (row) append(rows, row);
  }
  const newest = rows.at(-1)?.time ?? 0;
  for (const echo of echoes) append(rows, echoRow(echo, me, newest));
  return rows;
}

/**
 * @param {Row[]} rows
 * @param {MessageRow | NoticeRow} row
 */
function append(rows, row) {
  const last = rows.at(-1);
  if (!last || dayOf(last.time) !== dayOf(row.time)) {
    rows.push({ kind: "day", key: `d:${row.key}`, time: row.time });
  }
  const above = rows.at(-1);
  if (row.kind === "message" && above?.kind === "message") {
    row.leads = above.user.id !== row.user.id || row.time - above.time > GROUP_MS;
  }
  rows.push(row);
}

/**
 * @param {Placed} event
 * @param {User} me
 * @returns {MessageRow}
 */
function messageRow(event, me) {
  const user = event.user ?? { id: "", name: "Somebody" };
  return {
    kind: "message",
    key: `m:${user.id}:${event.client_id ?? event.offset}`,
    time: event.time ?? 0,
    user,
    text: event.text ?? "",
    mine: user.id === me.id,
    leads: true,
  };
}

/**
 * @param {Echo} echo
 * @param {User} me
 * @param {number} notBefore an echo stands at the end, so its time may not precede what is above
 * @returns {MessageRow}
 */
function echoRow(echo, me, notBefore) {
  return {
    kind: "message",
    key: `m:${me.id}:${echo.client_id}`,
    time: Math.max(echo.written_at, notBefore),
    user: me,
    text: echo.text,
    mine: true,
    leads: true,
    echo,
  };
}

/**
 * @param {Placed} event
 * @returns {NoticeRow | null}
 */
function noticeRow(event) {
  const text = noticeOf(event);
  return text ? { kind: "notice", key: `n:${event.offset}`, time: event.time ?? 0, text } : null;
}

/**
 * The reader's own day, not UTC's.
 *
 * @param {number} time ms since the Unix epoch
 */
function dayOf(time) {
  const date = new Date(time);
  return `${date.getFullYear()}-${date.getMonth() + 1}-${date.getDate()}`;
}
