import assert from "node:assert/strict";
import { test } from "node:test";
import { MessageLog } from "../../../static/state/message-log.js";

const message = (offset, client_id = `c${offset}`, author = "other") => ({
  type: "message.created",
  room: "a",
  offset,
  time: offset,
  user: { id: author, name: author },
  client_id,
  text: `text ${offset}`,
});

const page = (from, to, prev) => ({
  events: Array.from({ length: to - from + 1 }, (_, at) => message(from + at)),
  prev,
  epoch: "e",
  head: to,
});

const echo = (client_id) => ({ client_id, text: "hi", written_at: 1, state: "pending" });
const offsets = (log) => log.events.map(({ offset }) => offset);

test("events stand by their place, however they come, and none twice", () => {
  const log = new MessageLog("me");
  assert.equal(log.add(message(3)), true);
  assert.equal(log.add(message(1)), true);
  assert.equal(log.add(message(2)), true);
  assert.equal(log.add(message(3)), false);
  assert.equal(log.add({ type: "typing", room: "a" }), false);
  assert.deepEqual(offsets(log), [1, 2, 3]);
});

test("live events and the newest page overlap without a double", () => {
  const log = new MessageLog("me");
  log.add(message(6));
  log.addPage(page(4, 7, 4));
  assert.deepEqual(offsets(log), [4, 5, 6, 7]);
  assert.equal(log.prev, 4);
});

test("paging upwards ends where the room begins", () => {
  const log = new MessageLog("me");
  log.addPage(page(4, 6, 4));
  log.addPage(page(1, 3, undefined));
  assert.deepEqual(offsets(log), [1, 2, 3, 4, 5, 6]);
  assert.equal(log.prev, undefined);
});

test("a hole is found, and a page that fills it doesn't touch the way upwards", () => {
  const log = new MessageLog("me");
  log.addPage(page(4, 6, 4));
  log.add(message(9));
  assert.deepEqual(log.hole(), { after: 6, before: 9 });
  log.addPage(page(7, 8, 7));
  assert.equal(log.hole(), null);
  assert.equal(log.prev, 4);
});

test("an echo gives way to its own event, not to another author's of the same id", () => {
  const log = new MessageLog("me");
  log.putEcho(echo("x"));
  log.add(message(1, "x", "other"));
  assert.equal(log.echoes.length, 1);
  log.add(message(2, "x", "me"));
  assert.equal(log.echoes.length, 0);
});

test("an echo whose event is here already isn't shown again", () => {
  const log = new MessageLog("me");
  log.add(message(1, "x", "me"));
  log.putEcho({ ...echo("x"), state: "sent" });
  assert.deepEqual(log.echoes, []);
});

test("another log forgets the places and keeps what is on its way", () => {
  const log = new MessageLog("me");
  log.addPage(page(4, 6, 4));
  log.putEcho(echo("x"));
  log.restart();
  assert.deepEqual(offsets(log), []);
  assert.equal(log.prev, undefined);
  assert.equal(log.echoes.length, 1);
});

test("trimming keeps the newest and the way back up", () => {
  const log = new MessageLog("me");
  log.addPage(page(1, 10, undefined));
  log.trim(4);
  assert.deepEqual(offsets(log), [7, 8, 9, 10]);
  assert.equal(log.prev, 7);
});
