import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeFrame, encodeFrame, isPing } from "../../../static/protocol/codec.js";

test("several messages share a frame, a line each", () => {
  const commands = [{ id: 1, connect: {} }, { id: 2, rpc: { data: { text: "a\nb" } } }];
  const frame = encodeFrame(commands);
  assert.equal(frame.split("\n").length, 2);
  assert.deepEqual(decodeFrame(frame), commands);
});

test("a line that is no object costs the others nothing", () => {
  const frame = '{"id":1}\nnonsense\n\n[1]\nnull\n7\n{"id":2}\n';
  assert.deepEqual(decodeFrame(frame), [{ id: 1 }, { id: 2 }]);
});

test("what has neither id nor push is a ping", () => {
  assert.equal(isPing({}), true);
  assert.equal(isPing({ id: 1, rpc: {} }), false);
  assert.equal(isPing({ push: { channel: "room:a" } }), false);
});
