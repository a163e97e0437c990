import assert from "node:assert/strict";
import { test } from "node:test";
import { backoffMs } from "../../../static/protocol/backoff.js";

test("pauses begin at half a second and never pass twenty", () => {
  for (let tries = 0; tries < 60; tries++) {
    assert.equal(backoffMs(tries, () => 0), 500);
    assert.ok(backoffMs(tries, () => 0.999999) <= 20_000);
  }
});

test("each failure doubles the span that a pause is drawn from", () => {
  const widest = [0, 1, 2, 3].map((tries) => backoffMs(tries, () => 0.999999));
  assert.deepEqual(widest, [999, 1499, 2499, 4499]);
  assert.equal(backoffMs(10, () => 0.999999), 20_000);
});
