import assert from "node:assert/strict";
import { test } from "node:test";
import { ReadMarks } from "../../../static/state/read-marks.js";
import { FakeClock, settled } from "./fake-clock.js";

function marking(answer = async () => ({})) {
  const clock = new FakeClock();
  const told = [];
  const rpc = (method, data) => {
    told.push([method, data.room, data.offset]);
    return answer();
  };
  return { clock, told, marks: new ReadMarks(rpc, clock) };
}

test("what was read is told at once, and then every two seconds with the newest", async () => {
  const { clock, told, marks } = marking();
  marks.readTo("a", 3);
  for (const offset of [4, 5, 6]) marks.readTo("a", offset);
  marks.readTo("b", 1);
  assert.deepEqual(told, [["read.mark", "a", 3]]);
  await clock.pass(2000);
  assert.deepEqual(told.slice(1), [["read.mark", "a", 6], ["read.mark", "b", 1]]);
  await clock.pass(10_000);
  assert.equal(told.length, 3, "nothing new");
  assert.equal(marks.of("a"), 6);
});

test("a mark never goes back", async () => {
  const { clock, told, marks } = marking();
  for (const offset of [5, 4, 5]) marks.readTo("a", offset);
  await clock.pass(5000);
  assert.deepEqual(told, [["read.mark", "a", 5]]);
});

test("what could not be told is told when it is seen again", async () => {
  const { clock, told, marks } = marking(() => Promise.reject(new Error("lost")));
  marks.readTo("a", 5);
  await settled();
  assert.equal(marks.of("a"), 0);
  marks.readTo("a", 5);
  await clock.pass(2000);
  assert.equal(told.length, 2);
});

test("who comes after somebody else has read nothing", async () => {
  const { clock, told, marks } = marking();
  marks.readTo("a", 5);
  marks.readTo("a", 6);
  marks.forget();
  await clock.pass(5000);
  assert.deepEqual([told.length, marks.of("a")], [1, 0]);
});
