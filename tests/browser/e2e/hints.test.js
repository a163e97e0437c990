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

/** Another tab of the same person. */
async function secondTab(person) {
  const tab = new ChatPage(person.context, await person.context.newPage());
  await tab.page.goto(server.url);
  await tab.connected();
  people.push(tab);
  return tab;
}

/** Token and id of the person on a page. */
async function identity({ page }) {
  const stored = await page.evaluate(() => localStorage.getItem("chat.identity"));
  return JSON.parse(stored);
}

async function newRoom({ page }, name) {
  await page.getByRole("button", { name: "New room" }).click();
  const dialog = page.getByRole("dialog", { name: "New room" });
  await dialog.getByLabel("Name", { exact: true }).fill(name);
  await dialog.getByRole("button", { name: "Create room" }).click();
  await page.getByRole("heading", { name }).waitFor();
}

test("what is read in one tab is not unread in the other", async () => {
  const [ana, bo] = [await enter("Ana"), await enter("Bo")];
  const other = await secondTab(ana);
  await newRoom(ana, "quiet corner");
  await other.page.getByRole("link", { name: /quiet corner/ }).click();
  await other.page.getByRole("heading", { name: "quiet corner" }).waitFor();
  await bo.send("Is anybody here?");
  for (const { page } of [ana, other]) {
    await page.getByRole("link", { name: /general.*1 new/i }).waitFor();
  }
  await ana.page.getByRole("link", { name: /general/i }).click();
  await ana.sees("Is anybody here?");
  await other.page.getByText("1 new", { exact: true }).waitFor({ state: "hidden" });
  await eventually(5000, "the title says nothing of it", async () => {
    return (await other.page.title()) === "Scalable Chat";
  });
});

test("a room that one is let into is in the list at once, and out of it again", async () => {
  const [ana, bo] = [await enter("Ana"), await enter("Bo")];
  const [{ token }, { user }] = [await identity(ana), await identity(bo)];
  const ask = async (method, path, body) => {
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    const answer = await fetch(new URL(path, server.url), { method, headers, body: JSON.stringify(body) });
    assert.ok(answer.ok, `${method} ${path}: ${answer.status}`);
    return answer.json();
  };
  const room = await ask("POST", "/api/rooms", { name: "back office", kind: "private" });
  assert.equal(await bo.page.getByRole("link", { name: /back office/ }).count(), 0);
  await ask("POST", `/api/rooms/${room.id}/members`, { user: user.id });
  await bo.page.getByRole("link", { name: /back office/ }).waitFor();
  await ask("DELETE", `/api/rooms/${room.id}/members/${user.id}`);
  await bo.page.getByRole("link", { name: /back office/ }).waitFor({ state: "detached" });
});

test("one of the people is talked to alone, and sees it at once", async () => {
  const [ana, bo] = [await enter("Ana Moreno"), await enter("Bo Lind")];
  await ana.page.getByRole("button", { name: "People" }).click();
  const dialog = ana.page.getByRole("dialog", { name: "People in this room" });
  await dialog.getByRole("button", { name: "Message Bo Lind" }).waitFor();
  assert.equal(await dialog.getByRole("button", { name: "Message Ana Moreno" }).count(), 0);
  await ana.picture("people");
  await dialog.getByRole("button", { name: "Message Bo Lind" }).click();
  await ana.page.getByRole("heading", { name: "Bo Lind" }).waitFor();

  const link = bo.page.getByRole("link", { name: /Ana Moreno/ });
  await link.waitFor();
  await ana.send("Just between us");
  await ana.sees("Just between us");
  await bo.page.getByRole("link", { name: /Ana Moreno.*1 new/ }).waitFor();
  await bo.picture("direct-unread");
  await link.click();
  await bo.sees("Just between us");
  await bo.page.getByRole("heading", { name: "Ana Moreno" }).waitFor();
  await bo.send("Of course");
  await ana.sees("Of course");
  await ana.picture("direct");
  assert.equal(await bo.page.getByRole("button", { name: "Leave" }).isVisible(), false);
  assert.equal(await bo.page.getByRole("button", { name: "People" }).isVisible(), false);
});

test("another name shows in every tab", async () => {
  const ana = await enter("Ana");
  const other = await secondTab(ana);
  const { token } = await identity(ana);
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  const body = JSON.stringify({ name: "Lady Ana" });
  await fetch(new URL("/api/me", server.url), { method: "PATCH", headers, body });
  for (const { page } of [ana, other]) await page.getByText("Lady Ana").waitFor();
});
