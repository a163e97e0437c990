import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import {
  CLOSE_CODES,
  ERROR_CODES,
  closeIsTerminal,
  unsubscribeIsTerminal,
} from "../../../static/protocol/codes.js";

const table = new URL("../../../crates/chat-protocol/src/codes.rs", import.meta.url);

/** Rows of a macro's table in the server's source: number, variant, name. */
function serverTable(macro) {
  const source = readFileSync(table, "utf8");
  const body = source.split(`\n${macro}! {\n`)[1]?.split("\n}\n")[0] ?? "";
  const rows = [...body.matchAll(/^\s*(\d+) \w+ "(\w+)"/gm)];
  return Object.fromEntries(rows.map(([, code, name]) => [name, Number(code)]));
}

test("the page and the server have the same error codes", () => {
  assert.deepEqual({ ...ERROR_CODES }, serverTable("error_codes"));
});

test("the page and the server have the same close codes", () => {
  assert.deepEqual({ ...CLOSE_CODES }, serverTable("close_codes"));
});

test("the range of a close code says whether to come back", () => {
  for (const code of [1000, 1006, 3000, 3001, 3012, 3499, 4000, 4499, 5000]) {
    assert.equal(closeIsTerminal(code), false, String(code));
  }
  for (const code of [1009, 3500, 3503, 3999, 4500, 4999]) {
    assert.equal(closeIsTerminal(code), true, String(code));
  }
});

test("an unsubscribe below 2500 is final, and one without a code is not", () => {
  assert.equal(unsubscribeIsTerminal(2000), true);
  assert.equal(unsubscribeIsTerminal(2101), true);
  assert.equal(unsubscribeIsTerminal(2500), false);
  assert.equal(unsubscribeIsTerminal(undefined), false);
});
