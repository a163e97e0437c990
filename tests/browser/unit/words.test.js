import assert from "node:assert/strict";
import { test } from "node:test";
import { LiveRegion } from "../../../static/a11y/live-region.js";
import { roomAt } from "../../../static/elements/address.js";
import { hueOf, initialsOf } from "../../../static/elements/avatar.js";
import { sendsMessage } from "../../../static/elements/send-key.js";
import { dayName } from "../../../static/elements/times.js";
import { ChatError } from "../../../static/protocol/chat-error.js";
import { FakeClock } from "./fake-clock.js";

const key = (more) => ({
  key: "Enter",
  shiftKey: false,
  ctrlKey: false,
  altKey: false,
  metaKey: false,
  isComposing: false,
  keyCode: 13,
  ...more,
});

test("Enter sends; Shift+Enter and an input method's Enter don't", () => {
  assert.equal(sendsMessage(key({})), true);
  assert.equal(sendsMessage(key({ shiftKey: true })), false);
  assert.equal(sendsMessage(key({ isComposing: true })), false);
  assert.equal(sendsMessage(key({ keyCode: 229 })), false);
  assert.equal(sendsMessage(key({ key: "a" })), false);
});

test("initials are whole characters", () => {
  assert.equal(initialsOf("ana maria lópez"), "AL");
  assert.equal(initialsOf("  zoë "), "Z");
  assert.equal(initialsOf("🦊 fox"), "🦊F");
  assert.equal(initialsOf(""), "?");
});

test("a user keeps one of twelve colours", () => {
  assert.equal(hueOf("u1"), hueOf("u1"));
  const hues = new Set(Array.from({ length: 500 }, (_, at) => hueOf(`user-${at}`)));
  assert.deepEqual([...hues].sort((a, b) => a - b), Array.from({ length: 12 }, (_, hue) => hue));
});

test("today and yesterday are called so, by the reader's calendar", () => {
  const now = new Date(2025, 2, 1, 0, 30).getTime();
  assert.equal(dayName(now, now), "Today");
  assert.equal(dayName(new Date(2025, 1, 28, 23, 50).getTime(), now), "Yesterday");
  assert.match(dayName(new Date(2024, 1, 28).getTime(), now), /2024/);
});

test("only a well-formed room is read from the address", () => {
  assert.equal(roomAt("#/rooms/tea_1-x"), "tea_1-x");
  assert.equal(roomAt("#/rooms/"), null);
  assert.equal(roomAt("#/rooms/a/b"), null);
  assert.equal(roomAt("#message-text"), null);
});

test("a refusal is told as a sentence, and its name is kept apart", () => {
  const wire = ChatError.fromWire({ code: 410, message: "slow_mode: wait: 3 s", temporary: true });
  assert.deepEqual([wire.label, wire.message, wire.temporary], ["slow_mode", "Wait: 3 s.", true]);
  const plain = ChatError.fromWire({ code: 100, message: "Internal" });
  assert.deepEqual([plain.label, plain.message, plain.temporary], ["", "Internal.", false]);
});

test("a problem object, and its absence, make a refusal", () => {
  const known = ChatError.fromProblem(409, { code: "name_taken", detail: "choose another name" });
  assert.deepEqual([known.code, known.message, known.temporary], [408, "Choose another name.", false]);
  const unknown = ChatError.fromProblem(502, null);
  assert.deepEqual([unknown.message, unknown.temporary], ["The server answered 502.", true]);
});

test("new messages are spoken in batches, and many as a number", async () => {
  const [clock, element] = [new FakeClock(), { textContent: "" }];
  const region = new LiveRegion(element, clock);
  region.announce({ author: "Ana", text: "one" });
  region.announce({ author: "Bo", text: "two" });
  await clock.pass(1_000);
  assert.equal(element.textContent, "Ana: one\nBo: two");
  for (let at = 0; at < 5; at++) region.announce({ author: "Ana", text: String(at) });
  await clock.pass(1_000);
  assert.equal(element.textContent, "5 new messages");
});
