import assert from "node:assert/strict";
import { test } from "node:test";
import { ChatError } from "../../../static/protocol/chat-error.js";
import { Drafts } from "../../../static/protocol/drafts.js";
import { Outbox } from "../../../static/protocol/outbox.js";
import { FakeClock, settled } from "./fake-clock.js";
import { FakeStorage } from "./fake-storage.js";

const unavailable = () => new ChatError(400, "unavailable", "Try again.", true);
const tooLong = () => new ChatError(407, "text_too_long", "Write less.", false);

/** An outbox whose sends are answered by the test, in any order. */
function newOutbox(storage = new FakeStorage(), clock = new FakeClock()) {
  const calls = [];
  const changes = [];
  const acks = [];
  const outbox = new Outbox({
    drafts: new Drafts(storage),
    timers: clock,
    send: (draft) =>
      new Promise((resolve, reject) => calls.push({ id: draft.client_id, resolve, reject })),
    onChange: ({ client_id, state, reason }) => changes.push({ client_id, state, reason }),
    onAck: ({ client_id }) => acks.push(client_id),
  });
  return { outbox, calls, changes, acks, storage, clock, sent: () => calls.map(({ id }) => id) };
}

const draft = (client_id, room = "a", author = "me") => ({
  client_id,
  room,
  author,
  text: `text of ${client_id}`,
  written_at: 1,
  state: "pending",
});

test("messages of a room go one after the other, rooms beside each other", async () => {
  const { outbox, calls, acks, sent } = newOutbox();
  outbox.resume("me");
  for (const one of [draft("1"), draft("2"), draft("3", "b")]) outbox.add(one);
  await settled();
  assert.deepEqual(sent(), ["1", "3"]);
  calls[0].resolve({ id: "x" });
  await settled();
  assert.deepEqual(sent(), ["1", "3", "2"]);
  assert.deepEqual(acks, ["1"]);
});

test("what is written without a line waits for it", async () => {
  const { outbox, sent } = newOutbox();
  outbox.add(draft("1"));
  await settled();
  assert.deepEqual(sent(), []);
  outbox.resume("me");
  await settled();
  assert.deepEqual(sent(), ["1"]);
});

test("a reload in mid-send sends again under the same id", async () => {
  const first = newOutbox();
  first.outbox.resume("me");
  first.outbox.add(draft("1"));
  await settled();
  const second = newOutbox(first.storage);
  assert.deepEqual(second.outbox.of("a").map(({ client_id }) => client_id), ["1"]);
  second.outbox.resume("me");
  await settled();
  second.calls[0].resolve({ id: "x" });
  await settled();
  assert.deepEqual(newOutbox(first.storage).outbox.of("a"), []);
});

test("a lost line in mid-send leaves the message for the next one", async () => {
  const { outbox, calls, changes, sent } = newOutbox();
  outbox.resume("me");
  outbox.add(draft("1"));
  await settled();
  outbox.pause();
  calls[0].reject(ChatError.disconnected());
  await settled();
  assert.deepEqual(changes.map(({ state }) => state), ["pending"]);
  outbox.resume("me");
  await settled();
  assert.deepEqual(sent(), ["1", "1"]);
});

test("a temporary refusal is tried again after a pause, and holds back what follows", async () => {
  const { outbox, calls, clock, changes, sent } = newOutbox();
  outbox.resume("me");
  outbox.add(draft("1"));
  outbox.add(draft("2"));
  await settled();
  calls[0].reject(unavailable());
  await settled();
  assert.deepEqual(sent(), ["1"]);
  assert.deepEqual(changes.at(-1), { client_id: "1", state: "pending", reason: "Try again." });
  await clock.pass(1_000);
  assert.deepEqual(sent(), ["1", "1"]);
  calls[1].resolve({ id: "x" });
  await settled();
  assert.deepEqual(sent(), ["1", "1", "2"]);
});

test("a final refusal is kept with its reason and doesn't hold back what follows", async () => {
  const { outbox, calls, changes, sent, storage } = newOutbox();
  outbox.resume("me");
  outbox.add(draft("1"));
  outbox.add(draft("2"));
  await settled();
  calls[0].reject(tooLong());
  await settled();
  assert.deepEqual(changes.at(-1), { client_id: "1", state: "failed", reason: "Write less." });
  assert.deepEqual(sent(), ["1", "2"]);
  assert.equal(newOutbox(storage).outbox.of("a")[0].state, "failed");
  calls[1].resolve({ id: "y" });
  await settled();
  outbox.retry("1", "me");
  await settled();
  assert.deepEqual(sent(), ["1", "2", "1"]);
});

test("an event that comes before the ack settles the message for good", async () => {
  const { outbox, calls, changes, sent, clock } = newOutbox();
  outbox.resume("me");
  outbox.add(draft("1"));
  await settled();
  outbox.remove("1");
  calls[0].reject(unavailable());
  await clock.pass(30_000);
  assert.equal(changes.length, 1);
  assert.deepEqual(outbox.of("a"), []);
  assert.deepEqual(sent(), ["1"]);
});

test("what another user wrote here is not sent in a new name", async () => {
  const { outbox, sent, changes } = newOutbox();
  outbox.add(draft("1", "a", "somebody"));
  outbox.resume("me");
  await settled();
  assert.deepEqual(sent(), []);
  assert.equal(changes.at(-1).state, "failed");
  outbox.retry("1", "me");
  outbox.resume("me");
  await settled();
  assert.deepEqual(sent(), ["1"]);
  assert.equal(outbox.of("a")[0].author, "me");
  assert.equal(changes.at(-1).state, "pending");
});

test("a storage that is full or broken costs nothing but the reload", async () => {
  const storage = new FakeStorage();
  storage.setItem("chat.draft.9", "{nonsense");
  storage.setItem = () => {
    throw new Error("quota");
  };
  const { outbox, sent } = newOutbox(storage);
  outbox.resume("me");
  outbox.add(draft("1"));
  await settled();
  assert.deepEqual(sent(), ["1"]);
});
