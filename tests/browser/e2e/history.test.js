import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ChatPage, launchBrowser } from "./chat-page.js";
import { ServerProcess } from "./server-process.js";

/** More than one page of history, and more than one screen. */
const MESSAGES = 70;

let server;
let browser;

before(async () => {
  server = await ServerProcess.start();
  browser = await launchBrowser();
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

test("history is read upwards to the beginning, and the reader's place stays", async () => {
  const ana = await ChatPage.enter(browser, server.url, "Ana");
  for (let number = 1; number <= MESSAGES; number++) await ana.send(`message ${number}.`);
  await ana.sees(`message ${MESSAGES}.`);

  const bo = await ChatPage.enter(browser, server.url, "Bo");
  await bo.sees(`message ${MESSAGES}.`);
  const log = bo.page.getByRole("log");
  const fromEnd = () => log.evaluate((el) => el.scrollHeight - el.scrollTop - el.clientHeight);
  assert.ok((await fromEnd()) < 2, "the newest message is in sight");
  assert.equal(await bo.messages(/message 1\./).count(), 0);

  await log.focus();
  await bo.page.keyboard.press("Home");
  await bo.sees("message 1.");
  await log.getByText("general begins here").waitFor({ state: "attached" });
  const numbers = await bo.page.locator(".message .text").allInnerTexts();
  const expected = Array.from({ length: MESSAGES }, (_, at) => `message ${at + 1}.`);
  assert.deepEqual(numbers, expected);
  assert.ok((await fromEnd()) > 200, "reading above isn't torn down to the end");

  await ana.send("something new");
  await bo.page.getByRole("button", { name: "New messages" }).click();
  await bo.sees("something new");
  assert.ok((await fromEnd()) < 2);
});
