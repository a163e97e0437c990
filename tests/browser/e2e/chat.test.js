import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { ChatPage, launchBrowser } from "./chat-page.js";
import { eventually } from "./eventually.js";
import { ServerProcess } from "./server-process.js";

let server;
let browser;
let people = [];

before(async () => {
  server = await ServerProcess.start();
  browser = await launchBrowser();
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

afterEach(async () => {
  const complaints = people.flatMap((person) => person.complaints);
  await Promise.all(people.map((person) => person.context.close()));
  people = [];
  assert.deepEqual(complaints, []);
});

async function enter(name, options) {
  const person = await ChatPage.enter(browser, server.url, name, options);
  people.push(person);
  return person;
}

test("two people talk, and each sees both sides in one order", async () => {
  const [ana, bo] = [await enter("Ana Moreno"), await enter("Bo Lind")];
  await ana.send("Good morning, Bo!");
  await bo.sees("Good morning, Bo!");
  await bo.send("Morning! Did the night shift leave notes?");
  await ana.sees("Did the night shift");
  await ana.send("Yes, three.\nI put them in the handover room.");
  await bo.sees("I put them in the handover room.");
  const texts = (person) => person.page.locator(".message .text").allInnerTexts();
  assert.deepEqual(await texts(ana), await texts(bo));
  assert.equal((await texts(ana))[2], "Yes, three.\nI put them in the handover room.");
  assert.equal(await ana.page.locator(".message.mine").count(), 2);
  await bo.picture("two-people");
});

test("each sees that the other is there, and writing", async () => {
  const [ana, bo] = [await enter("Ana Moreno"), await enter("Bo Lind")];
  await ana.page.getByText("2 here now").waitFor();
  await bo.page.getByLabel("Message", { exact: true }).pressSequentially("I was about to");
  await ana.page.getByText("Bo Lind is writing…").waitFor();
  await ana.picture("writing");
  await bo.page.getByLabel("Message", { exact: true }).press("Enter");
  await ana.sees("I was about to");
  await ana.page.getByText("is writing…").waitFor({ state: "detached" });
  await bo.page.goto("about:blank");
  await ana.page.getByText("1 here now").waitFor();
});

test("a message survives a reload of its page", async () => {
  const ana = await enter("Ana");
  await ana.send("I stay");
  await ana.sees("I stay");
  await ana.page.reload();
  await ana.connected();
  await ana.sees("I stay");
  assert.equal(await ana.messages("I stay").count(), 1);
});

test("text is text, whatever it looks like", async () => {
  const [ana, bo] = [await enter("<b>Ana</b>"), await enter("Bo")];
  await ana.send('<img src=x onerror="document.title=1">');
  await bo.sees('<img src=x onerror="document.title=1">');
  assert.equal(await bo.page.locator(".text img, .author b").count(), 0);
});

test("Shift+Enter breaks the line, and an input method's Enter doesn't send", async () => {
  const ana = await enter("Ana");
  const field = ana.page.getByLabel("Message", { exact: true });
  await field.pressSequentially("one");
  await field.press("Shift+Enter");
  await field.pressSequentially("two");
  const init = { key: "Enter", isComposing: true, bubbles: true, cancelable: true };
  await field.dispatchEvent("keydown", init);
  assert.equal(await field.inputValue(), "one\ntwo");
  await field.press("Enter");
  await ana.sees("two");
  assert.equal(await field.inputValue(), "");
});

test("a room is made, found by somebody else, joined and left", async () => {
  const [ana, bo] = [await enter("Ana"), await enter("Bo")];
  await ana.page.getByRole("button", { name: "New room" }).click();
  const dialog = ana.page.getByRole("dialog", { name: "New room" });
  await dialog.getByRole("button", { name: "Create room" }).click();
  await dialog.getByText("Enter a name for the room.").waitFor();
  await dialog.getByLabel("Name", { exact: true }).fill("handover");
  await dialog.getByLabel(/What it is about/).fill("Who takes what over from whom");
  await ana.picture("new-room");
  await dialog.getByRole("button", { name: "Create room" }).click();
  await ana.page.getByRole("heading", { name: "handover" }).waitFor();
  await ana.send("First!");
  await ana.sees("First!");

  await bo.page.getByRole("button", { name: "Refresh" }).click();
  await bo.page.getByRole("link", { name: /handover/ }).click();
  await bo.sees("First!");
  await bo.page.getByText("You are reading.").waitFor();
  await bo.picture("reader");
  await bo.page.getByRole("button", { name: "Join" }).click();
  await ana.page.getByText("Bo joined").waitFor();
  await ana.page.getByText(/^2 people/).waitFor();
  await bo.send("Second!");
  await ana.sees("Second!");

  await bo.page.getByRole("button", { name: "Leave" }).click();
  await bo.page.getByRole("heading", { name: "general" }).waitFor();
  await ana.page.getByText("Bo left").waitFor();
  await ana.picture("room");
});

test("what is said elsewhere is counted beside its room and in the title", async () => {
  const [ana, bo] = [await enter("Ana"), await enter("Bo")];
  await ana.page.getByRole("button", { name: "New room" }).click();
  const dialog = ana.page.getByRole("dialog", { name: "New room" });
  await dialog.getByLabel("Name", { exact: true }).fill("quiet corner");
  await dialog.getByRole("button", { name: "Create room" }).click();
  await ana.page.getByRole("heading", { name: "quiet corner" }).waitFor();
  await bo.send("Is anybody here?");
  await ana.page.getByRole("link", { name: /general.*1 new/i }).waitFor();
  assert.match(await ana.page.title(), /^\(1\) /);
  await ana.page.getByRole("link", { name: /general/i }).click();
  await ana.sees("Is anybody here?");
  assert.doesNotMatch(await ana.page.title(), /^\(/);
});

test("what was in sight is read, and the server knows", async () => {
  const [ana, bo] = [await enter("Ana"), await enter("Bo")];
  await bo.send("For whichever device");
  await ana.sees("For whichever device");
  const stored = await ana.page.evaluate(() => Object.values(localStorage));
  const { token } = JSON.parse(stored.find((it) => it.includes('"token"')));
  const headers = { authorization: `Bearer ${token}` };
  await eventually(5000, "the server knows", async () => {
    const room = await (await fetch(new URL("/api/rooms/general", server.url), { headers })).json();
    return room.unread === 0 && room.read === room.head;
  });
});

test("an unknown room says so and leaves a way out", async () => {
  const ana = await enter("Ana");
  await ana.page.goto(`${server.url}#/rooms/nowhere`);
  await ana.page.getByRole("log").getByText("There is no room of this id.").waitFor();
  await ana.page.getByRole("link", { name: /general/i }).click();
  await ana.page.getByRole("heading", { name: "general" }).waitFor();
});
