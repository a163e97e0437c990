import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { ChatPage, launchBrowser } from "./chat-page.js";
import { ServerProcess } from "./server-process.js";

let server;
let browser;

beforeEach(async () => {
  server = await ServerProcess.start();
  browser = await launchBrowser();
});

afterEach(async () => {
  await browser?.close();
  await server?.stop();
});

test("the server is killed and comes back: the page resumes, and what was written arrives once", async () => {
  const ana = await ChatPage.enter(browser, server.url, "Ana");
  const bo = await ChatPage.enter(browser, server.url, "Bo");
  await ana.send("before");
  await bo.sees("before");

  await server.kill();
  await ana.disconnected();
  await ana.send("written offline 1");
  await ana.send("written offline 2");
  await ana.messages("written offline 2").getByText("Sending…").waitFor();
  await ana.picture("offline");

  await server.up();
  await ana.connected();
  await ana.sees("written offline 2");
  await bo.sees("written offline 2");
  for (const person of [ana, bo]) {
    const texts = await person.page.locator(".message .text").allInnerTexts();
    assert.deepEqual(texts, ["before", "written offline 1", "written offline 2"]);
  }
  await bo.send("and on we go");
  await ana.sees("and on we go");
});

test("a page that is reloaded with unsent messages sends them once", async () => {
  const ana = await ChatPage.enter(browser, server.url, "Ana");
  // Commands are lost on the way, as by a network that fails right then; the page is none the wiser.
  await ana.page.evaluate(() => {
    WebSocket.prototype.send = () => {};
  });
  await ana.send("kept over the reload");
  await ana.messages("kept over the reload").getByText("Sending…").waitFor();
  await ana.page.reload();
  await ana.sees("kept over the reload");
  await ana.page.reload();
  await ana.sees("kept over the reload");
  assert.equal(await ana.messages("kept over the reload").count(), 1);
});

test("a reload before the answer came doesn't make a second message", async () => {
  const ana = await ChatPage.enter(browser, server.url, "Ana");
  // The server takes the message, and its answer never reaches the page.
  await ana.page.evaluate(() => {
    const deaf = Object.getOwnPropertyDescriptor(WebSocket.prototype, "onmessage");
    const send = WebSocket.prototype.send;
    WebSocket.prototype.send = function (frame) {
      deaf.set.call(this, () => {});
      send.call(this, frame);
    };
  });
  await ana.send("taken, but not confirmed");
  await ana.messages("taken, but not confirmed").getByText("Sending…").waitFor();
  await ana.page.reload();
  await ana.sees("taken, but not confirmed");
  const unsent = () => Object.keys(localStorage).filter((key) => key.startsWith("chat.draft."));
  await ana.page.waitForFunction(
    () => !Object.keys(localStorage).some((key) => key.startsWith("chat.draft.")),
  );
  assert.deepEqual(await ana.page.evaluate(unsent), []);
  assert.equal(await ana.messages("taken, but not confirmed").count(), 1);
});

test("a token that the server refuses is replaced without a question", async () => {
  const ana = await ChatPage.enter(browser, server.url, "Ana");
  await ana.page.evaluate(() => {
    const saved = JSON.parse(localStorage.getItem("chat.identity"));
    localStorage.setItem("chat.identity", JSON.stringify({ ...saved, token: "nonsense" }));
  });
  await ana.page.reload();
  await ana.connected();
  await ana.send("still here");
  await ana.sees("still here");
});

test("a server that lost everything: the page comes in anew and shows what is there now", async () => {
  const ana = await ChatPage.enter(browser, server.url, "Ana");
  await ana.send("of the old log");
  await ana.sees("of the old log");
  await server.kill();
  await ana.disconnected();
  await server.forgetEverything();
  await server.up();
  await ana.connected();
  await ana.messages("of the old log").waitFor({ state: "detached" });
  await ana.send("of the new log");
  await ana.sees("of the new log");
  const texts = await ana.page.locator(".message .text").allInnerTexts();
  assert.deepEqual(texts, ["of the new log"]);
});
