import assert from "node:assert/strict";
import { test } from "node:test";
import { Company, writingWords } from "../../../static/state/company.js";
import { FakeClock } from "./fake-clock.js";

const typing = (id, expires_ms = 6000) => ({
  type: "typing",
  room: "a",
  user: { id, name: id.toUpperCase() },
  expires_ms,
});

function newCompany() {
  const clock = new FakeClock();
  const company = new Company("me", clock);
  return { clock, company, writing: () => company.around.value.writing };
}

test("whoever writes is named until they have sent it or rest for long", async () => {
  const { clock, company, writing } = newCompany();
  for (const id of ["a", "b", "me"]) company.said(typing(id));
  assert.deepEqual(writing(), ["A", "B"]);
  company.happened({ type: "message.created", room: "a", user: { id: "a", name: "A" } });
  assert.deepEqual(writing(), ["B"]);
  await clock.pass(5999);
  company.said(typing("b"));
  await clock.pass(5999);
  assert.deepEqual(writing(), ["B"]);
  await clock.pass(1);
  assert.deepEqual(writing(), []);
});

test("a tick says how many are here, and a lost line that nobody knows", () => {
  const { company } = newCompany();
  company.said({ type: "presence.tick", room: "a", count: 3 });
  company.said(typing("a"));
  assert.deepEqual(company.around.value, { here: 3, writing: ["A"] });
  company.lost();
  assert.deepEqual(company.around.value, { writing: [] });
});

test("writers are told in words, a crowd without names", () => {
  assert.equal(writingWords([]), "");
  assert.equal(writingWords(["A"]), "A is writing…");
  assert.equal(writingWords(["A", "B"]), "A and B are writing…");
  assert.equal(writingWords(["A", "B", "C"]), "Several people are writing…");
});
