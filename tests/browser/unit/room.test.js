import assert from "node:assert/strict";
import { test } from "node:test";
import { ChatError } from "../../../static/protocol/chat-error.js";
import { Room } from "../../../static/protocol/room.js";

function roomWithNotes() {
  const notes = { live: [], offsets: [], said: [], out: [] };
  const room = new Room("room:a", {
    live: (start) => notes.live.push(start),
    events: (events) => notes.offsets.push(...events.map((event) => event.offset)),
    said: ({ type }) => notes.said.push(type),
    out: (error) => notes.out.push(error),
  });
  return { room, notes };
}

const at = (offset) => ({ data: { type: "message.created", room: "a", offset }, offset });

function liveRoom(offset = 5) {
  const { room, notes } = roomWithNotes();
  room.request();
  room.accepted({ epoch: "e", offset });
  return { room, notes };
}

test("a first subscription asks for no resume and begins anew", () => {
  const { room, notes } = roomWithNotes();
  assert.deepEqual(room.request(), { channel: "room:a", recoverable: true });
  room.accepted({ epoch: "e", offset: 5 });
  assert.deepEqual(notes.live, [{ restarted: true, epoch: "e" }]);
});

test("events come in order, and none comes twice", () => {
  const { room, notes } = liveRoom();
  for (const offset of [6, 7, 7, 6, 8]) assert.equal(room.published(at(offset)), "ok");
  assert.deepEqual(notes.offsets, [6, 7, 8]);
});

test("a hole is not read over: the subscription starts over from before it", () => {
  const { room, notes } = liveRoom();
  room.published(at(6));
  assert.equal(room.published(at(8)), "again");
  assert.deepEqual(notes.offsets, [6]);
  const { recover, offset, epoch } = room.request();
  assert.deepEqual({ recover, offset, epoch }, { recover: true, offset: 6, epoch: "e" });
});

test("ephemeral events have no place and move none", () => {
  const { room, notes } = liveRoom();
  assert.equal(room.published({ data: { type: "typing", room: "a" } }), "ok");
  assert.equal(room.published(at(6)), "ok");
  assert.deepEqual([notes.said, notes.offsets], [["typing"], [6]]);
});

test("a resume applies what was missed and goes on", () => {
  const { room, notes } = liveRoom();
  room.lost();
  room.request();
  room.accepted({ epoch: "e", offset: 5, recovered: true, publications: [at(6), at(7)] });
  room.published(at(8));
  assert.deepEqual(notes.offsets, [6, 7, 8]);
  assert.deepEqual(notes.live[1], { restarted: false, epoch: "e" });
});

test("a resume that is not granted begins anew at the new place", () => {
  const { room, notes } = liveRoom();
  room.lost();
  room.request();
  room.accepted({ epoch: "f", offset: 90, recovered: false });
  assert.deepEqual(notes.live[1], { restarted: true, epoch: "f" });
  room.published(at(91));
  assert.deepEqual(notes.offsets, [91]);
});

test("what still comes from an earlier subscription is left to the resume", () => {
  const { room, notes } = liveRoom();
  room.lost();
  room.request();
  assert.equal(room.published(at(6)), "ok");
  assert.deepEqual(notes.offsets, []);
});

test("2500 resumes, and below that the room is out", () => {
  const { room, notes } = liveRoom();
  assert.equal(room.unsubscribed({ code: 2500, reason: "slow" }), "again");
  assert.equal(room.request().recover, true);
  assert.equal(room.unsubscribed({ code: 2100, reason: "no longer a member" }), "out");
  assert.equal(room.state, "out");
  assert.equal(notes.out[0].message, "no longer a member");
});

test("an invalidated position is not asked to be resumed", () => {
  const { room } = liveRoom();
  assert.equal(room.unsubscribed({ code: 2502, reason: "invalidated" }), "again");
  assert.equal(room.request().recover, undefined);
});

test("temporary refusals are tried again, others are final", () => {
  const { room, notes } = roomWithNotes();
  room.request();
  assert.equal(room.refused(new ChatError(400, "unavailable", "Wait.", true)), "again");
  room.request();
  assert.equal(room.refused(new ChatError(401, "room_not_found", "No such room.", false)), "out");
  assert.equal(notes.out.length, 1);
});
