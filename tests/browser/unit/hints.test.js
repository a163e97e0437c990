import assert from "node:assert/strict";
import { test } from "node:test";
import { Hints } from "../../../static/state/hints.js";
import { Identity } from "../../../static/state/identity.js";
import { RoomList } from "../../../static/state/room-list.js";
import { FakeClock } from "./fake-clock.js";
import { FakeStorage } from "./fake-storage.js";

function newHints() {
  const clock = new FakeClock();
  const rooms = new RoomList(async () => ({}), clock);
  const storage = new FakeStorage();
  const saved = { token: "t", expires_at: 9, issued_at: 1, user: { id: "me", name: "Ada" } };
  storage.setItem("chat.identity", JSON.stringify(saved));
  const identity = new Identity({ storage });
  let looks = 0;
  const hints = new Hints({ rooms, identity, timers: clock, look: () => looks++ });
  return { clock, rooms, identity, hints, storage, looks: () => looks };
}
const marked = (offset, unread) => ({ type: "read.marked", room: "a", offset, unread });

test("what was read elsewhere is not unread here", () => {
  const { rooms, hints } = newHints();
  for (let n = 0; n < 3; n++) rooms.countUnread("a");
  rooms.countUnread("b");
  hints.take(marked(5, 1));
  assert.deepEqual(rooms.view.value.unread, { a: 1, b: 1 });
  hints.take(marked(6, 0));
  assert.deepEqual(rooms.view.value.unread, { b: 1 });
});

test("a hint of what was read here, or before, says nothing", () => {
  const { rooms, hints } = newHints();
  rooms.marks.readTo("a", 7);
  rooms.countUnread("a", 8);
  hints.take(marked(7, 4));
  hints.take(marked(6, 5));
  assert.deepEqual(rooms.view.value.unread, { a: 1 });
});

test("the rooms are looked at once for all hints of a moment, whatever they say", async () => {
  const { clock, hints, looks } = newHints();
  for (const type of ["member.joined", "member.removed", "of.tomorrow"]) hints.take({ type, room: "a" });
  hints.take(undefined);
  assert.equal(looks(), 0);
  await clock.pass(150);
  assert.equal(looks(), 1);
  hints.take({ type: "member.joined", room: "b" });
  await clock.pass(150);
  assert.equal(looks(), 2);
});

test("another name is taken over, and kept with the token as it was", () => {
  const { identity, hints, storage } = newHints();
  hints.take({ type: "user.updated", user: { id: "me", name: "Lady Ada" } });
  hints.take({ type: "user.updated", user: { id: "other", name: "Eve" } });
  assert.equal(identity.user.value.name, "Lady Ada");
  const { token, issued_at, user } = JSON.parse(storage.getItem("chat.identity"));
  assert.deepEqual([token, issued_at, user.name], ["t", 1, "Lady Ada"]);
});
