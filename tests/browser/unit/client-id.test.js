import assert from "node:assert/strict";
import { webcrypto } from "node:crypto";
import { test } from "node:test";
import { newClientId } from "../../../static/protocol/client-id.js";

// Browsers have it as a global, and Node.js only from version 19 on.
globalThis.crypto ??= webcrypto;

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

test("a client id is a UUIDv7 of its time", () => {
  const id = newClientId(0x19ab_cdef_0123);
  assert.match(id, UUID_V7);
  assert.ok(id.startsWith("19abcdef-0123-7"), id);
});

test("ids sort as they were made, within a millisecond and when the clock goes back", () => {
  const now = 0x19ab_cdef_9999;
  const ids = Array.from({ length: 10_000 }, (_, at) => newClientId(now - (at % 3)));
  assert.deepEqual([...ids].sort(), ids);
  assert.equal(new Set(ids).size, ids.length);
  for (const id of ids) assert.match(id, UUID_V7);
});
