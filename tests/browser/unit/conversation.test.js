import assert from "node:assert/strict";
import { test } from "node:test";
import { ChatError } from "../../../static/protocol/chat-error.js";
import { Conversation } from "../../../static/state/conversation.js";
import { FakeClock, settled } from "./fake-clock.js";

const me = { id: "me", name: "Me" };
const message = (offset) => ({
  type: "message.created",
  id: `id-${offset}`,
  room: "a",
  offset,
  time: offset,
  user: { id: "other", name: "Other" },
  client_id: `c${offset}`,
  text: `text ${offset}`,
});
const range = (from, to) => Array.from({ length: to - from + 1 }, (_, at) => message(from + at));

/** A room with a history of `head` events; the test speaks for its subscription. */
function newRoom(head) {
  const clock = new FakeClock();
  const queries = [];
  const server = { head, epoch: "e", failures: 0, reader: null };
  const history = ({ before, after, around, limit }) => {
    if (around) return range(1, server.head).filter(({ id }) => id === around);
    if (after) return range(after + 1, Math.min(server.head, after + limit));
    const last = before ? before - 1 : server.head;
    return range(Math.max(1, last - limit + 1), last);
  };
  const connection = {
    subscribe: (_, reader) => (server.reader = reader),
    unsubscribe: () => {},
    rpc: async (_, query) => {
      queries.push(query);
      if (server.failures-- > 0) throw new ChatError(400, "unavailable", "Wait.", true);
      if (query.epoch && query.epoch !== server.epoch) {
        throw new ChatError(112, "unrecoverable_position", "Gone.", false);
      }
      const events = history(query);
      const first = events[0]?.offset;
      return { events, prev: first > 1 ? first : undefined, epoch: server.epoch, head: server.head };
    },
  };
  const seen = [];
  const conversation = new Conversation("a", {
    connection,
    timers: clock,
    me,
    onSeen: ({ offset }) => seen.push(offset),
    onLive: () => {},
  });
  const texts = () =>
    conversation.view.value.rows.filter(({ kind }) => kind === "message").map(({ text }) => text);
  return { conversation, server, queries, clock, texts, seen };
}

const textsOf = (from, to) => range(from, to).map(({ text }) => text);

test("the newest page and what is said meanwhile make one list", async () => {
  const { server, texts, conversation } = newRoom(60);
  server.reader.live({ restarted: true, epoch: "e" });
  server.reader.events([message(61)]);
  await settled();
  assert.deepEqual(texts(), textsOf(11, 61));
  assert.equal(conversation.view.value.older, true);
});

test("history that ends below the first live event is completed", async () => {
  const { server, texts } = newRoom(5);
  server.reader.live({ restarted: true, epoch: "e" });
  server.reader.events([message(9)]);
  server.head = 8;
  await settled();
  assert.deepEqual(texts(), textsOf(1, 9));
});

test("reading upwards reaches the beginning, and asks no further", async () => {
  const { server, texts, conversation, queries } = newRoom(70);
  server.reader.live({ restarted: true, epoch: "e" });
  await settled();
  await conversation.loadOlder();
  assert.deepEqual(texts(), textsOf(1, 70));
  assert.equal(conversation.view.value.older, false);
  await conversation.loadOlder();
  assert.equal(queries.length, 2);
});

test("a resume keeps the list, and a restart loads it anew", async () => {
  const { server, texts, queries } = newRoom(3);
  server.reader.live({ restarted: true, epoch: "e" });
  await settled();
  server.reader.live({ restarted: false, epoch: "e" });
  await settled();
  assert.equal(queries.length, 1);
  [server.head, server.epoch] = [2, "f"];
  server.reader.live({ restarted: true, epoch: "f" });
  await settled();
  assert.deepEqual(texts(), textsOf(1, 2));
});

test("a first page that failed is asked for again", async () => {
  const { server, texts, clock } = newRoom(3);
  server.failures = 2;
  server.reader.live({ restarted: true, epoch: "e" });
  await clock.pass(3_000);
  assert.deepEqual(texts(), textsOf(1, 3));
});

test("an older page of another log begins anew instead of being mixed in", async () => {
  const { server, texts, conversation } = newRoom(70);
  server.reader.live({ restarted: true, epoch: "e" });
  await settled();
  [server.head, server.epoch] = [4, "f"];
  await conversation.loadOlder();
  await settled();
  assert.deepEqual(texts(), textsOf(1, 4));
});

test("an echo that was placed above what is loaded doesn't wait for ever", async () => {
  const { server, conversation } = newRoom(200);
  server.reader.live({ restarted: true, epoch: "e" });
  await settled();
  conversation.putEcho({ client_id: "old", text: "hi", written_at: 1, state: "sent" });
  await conversation.locate("old", "id-199");
  assert.equal(conversation.view.value.rows.at(-1).echo?.client_id, "old");
  await conversation.locate("old", "id-3");
  assert.equal(conversation.view.value.rows.at(-1).echo, undefined);
});

test("a room one is out of says why", () => {
  const { server, conversation } = newRoom(3);
  server.reader.out(new ChatError(401, "room_not_found", "There is no room of this id.", false));
  assert.equal(conversation.view.value.problem, "There is no room of this id.");
});
