import assert from "node:assert/strict";
import { webcrypto } from "node:crypto";
import { test } from "node:test";
import { RoomList } from "../../../static/state/room-list.js";
import { afterEvent, isMember, sorted, titleOf, withRoom } from "../../../static/state/rooms.js";
import { FakeClock } from "./fake-clock.js";

globalThis.crypto ??= webcrypto;

const room = (id, more = {}) => ({
  id,
  name: id,
  kind: "public",
  topic: "",
  head: 5,
  epoch: "e",
  messages: 0,
  member_count: 2,
  ...more,
});
const general = room("general", { kind: "general" });

test("the global room stands first, then one's own, then the others", () => {
  const rooms = [room("b"), room("z", { role: "member" }), general, room("a")];
  assert.deepEqual(sorted(rooms).map(({ id }) => id), ["general", "z", "a", "b"]);
});

test("everyone is a member of the global room; elsewhere the role says it", () => {
  assert.equal(isMember(general), true);
  assert.equal(isMember(room("a")), false);
  assert.equal(isMember(room("a", { role: "owner" })), true);
});

test("a room that is known is replaced, not doubled", () => {
  const rooms = withRoom([general, room("a")], room("a", { role: "member" }));
  assert.deepEqual(rooms.map(({ id, role }) => [id, role]), [["general", undefined], ["a", "member"]]);
});

test("members are counted once, whether the object or the event comes first", () => {
  const joined = { type: "member.joined", room: "a", offset: 6, member: { id: "m", name: "M" } };
  const counted = afterEvent([room("a")], joined);
  assert.equal(counted[0].member_count, 3);
  assert.equal(afterEvent(counted, joined)[0].member_count, 3);
  assert.equal(afterEvent([room("a", { head: 6, member_count: 3 })], joined)[0].member_count, 3);
});

test("the list is read page by page", async () => {
  const pages = { undefined: { items: [room("a")], next: "2" }, 2: { items: [general] } };
  const rooms = new RoomList(async (_, { cursor }) => pages[String(cursor)]);
  await rooms.refresh();
  assert.deepEqual(rooms.view.value.rooms.map(({ id }) => id), ["general", "a"]);
});

test("creating the same room again after a lost answer is the same write", async () => {
  const ids = [];
  let lost = true;
  const rooms = new RoomList(async (_, data) => {
    ids.push(data.client_id);
    if (lost) throw new Error("lost");
    return room("new", { name: data.name });
  });
  await assert.rejects(rooms.create("tea", ""));
  lost = false;
  await rooms.create("tea", "");
  await rooms.create("tea", "");
  assert.equal(ids[0], ids[1]);
  assert.notEqual(ids[1], ids[2]);
});

test("unread messages are counted and cleared by room", () => {
  const rooms = new RoomList(async () => ({}));
  rooms.countUnread("a");
  rooms.countUnread("a");
  rooms.countUnread("b");
  rooms.clearUnread("a");
  assert.deepEqual(rooms.view.value.unread, { b: 1 });
});

test("what is unread is what the server says, and what came since", async () => {
  const items = [room("a", { role: "member", read: 3, unread: 2 }), room("b", { unread: 0 }), general];
  const rooms = new RoomList(async () => ({ items }));
  rooms.countUnread("general", 5);
  rooms.countUnread("b");
  await rooms.refresh();
  assert.deepEqual(rooms.view.value.unread, { a: 2, general: 1 }, "one isn't counted for: kept");
  rooms.countUnread("a", 5);
  assert.deepEqual(rooms.view.value.unread.a, 2, "the list was counted with it");
  rooms.countUnread("a", 6);
  assert.deepEqual(rooms.view.value.unread.a, 3);
});

test("a room that was read to its end just now has nothing unread, whatever the server knows yet", async () => {
  const items = [room("a", { unread: 2 }), room("b", { unread: 2 })];
  const rooms = new RoomList(async () => ({ items }), new FakeClock());
  rooms.marks.readTo("a", 5);
  rooms.marks.readTo("b", 4);
  await rooms.refresh();
  assert.deepEqual(rooms.view.value.unread, { b: 2 });
});

test("a direct room is called by the other one", () => {
  assert.equal(titleOf(room("d-1", { kind: "direct", name: "Bob" })), "Bob");
  assert.equal(titleOf(room("d-1", { kind: "direct", name: "" })), "Direct messages");
});
