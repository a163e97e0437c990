import assert from "node:assert/strict";
import { test } from "node:test";
import { timeline } from "../../../static/state/timeline.js";

const me = { id: "me", name: "Me" };
const other = { id: "other", name: "Other" };
const MINUTE = 60_000;
/** Noon, by the clock of whoever runs this. */
const NOON = new Date(2025, 10, 24, 12).getTime();

const message = (offset, user, time, client_id = `c${offset}`) => ({
  type: "message.created",
  room: "a",
  offset,
  time,
  user,
  client_id,
  text: `text ${offset}`,
});
const echo = (client_id, written_at) => ({ client_id, text: "hi", written_at, state: "pending" });
const kinds = (rows) => rows.map(({ kind }) => kind);

test("a day stands above its first row", () => {
  const rows = timeline([message(1, me, NOON), message(2, me, NOON + 24 * 60 * MINUTE)], [], me);
  assert.deepEqual(kinds(rows), ["day", "message", "day", "message"]);
});

test("messages of one author within five minutes stand under one name", () => {
  const events = [
    message(1, other, NOON),
    message(2, other, NOON + MINUTE),
    message(3, me, NOON + 2 * MINUTE),
    message(4, other, NOON + 3 * MINUTE),
    message(5, other, NOON + 9 * MINUTE),
  ];
  const leads = timeline(events, [], me).slice(1).map((row) => row.leads);
  assert.deepEqual(leads, [true, false, true, true, true]);
});

test("voids and unknown types are passed over and don't break a group", () => {
  const events = [
    message(1, other, NOON),
    { type: "void", room: "a", offset: 2, of: 1 },
    { type: "poll.opened", room: "a", offset: 3, time: NOON },
    message(4, other, NOON + 1),
  ];
  const rows = timeline(events, [], me);
  assert.deepEqual(kinds(rows), ["day", "message", "message"]);
  assert.equal(rows[2].leads, false);
});

test("joins, removals and the beginning are told as notices", () => {
  const at = (offset, type, more) => ({ type, room: "a", offset, time: NOON, ...more });
  const rows = timeline(
    [
      at(1, "room.created", { user: other, room_state: { name: "tea" } }),
      at(2, "member.joined", { user: me, member: me }),
      at(3, "member.removed", { user: other, member: me, reason: "banned" }),
      at(4, "member.removed", { user: other, member: other, reason: "left" }),
    ],
    [],
    me,
  );
  const texts = rows.filter(({ kind }) => kind === "notice").map(({ text }) => text);
  assert.deepEqual(texts, ["Other created tea", "Me joined", "Me was banned", "Other left"]);
});

test("an echo stands last and has the key of the event that replaces it", () => {
  const before = timeline([message(1, other, NOON)], [echo("x", NOON + 1)], me);
  const after = timeline([message(1, other, NOON), message(2, me, NOON + 5, "x")], [], me);
  assert.equal(before.at(-1).key, after.at(-1).key);
  assert.equal(before.at(-1).echo.state, "pending");
  assert.equal(after.at(-1).echo, undefined);
});

test("an echo from a clock that is behind begins no earlier day below a later one", () => {
  const rows = timeline([message(1, other, NOON)], [echo("x", NOON - 48 * 60 * MINUTE)], me);
  assert.deepEqual(kinds(rows), ["day", "message", "message"]);
});

test("every row has a key of its own", () => {
  const events = [message(1, me, NOON), message(2, other, NOON), message(3, me, NOON + 1, "c1b")];
  const keys = timeline(events, [echo("x", NOON), echo("y", NOON)], me).map(({ key }) => key);
  assert.equal(new Set(keys).size, keys.length);
});
