import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { ChatPage, launchBrowser } from "./chat-page.js";
import { ServerProcess } from "./server-process.js";

const axe = createRequire(import.meta.url).resolve("axe-core/axe.min.js");

let server;
let browser;

before(async () => {
  server = await ServerProcess.start();
  browser = await launchBrowser();
  const ana = await ChatPage.enter(browser, server.url, "Ana Moreno");
  const bo = await ChatPage.enter(browser, server.url, "Bo Lind");
  await ana.send("The new build is out. It starts in under a second here.");
  await ana.send("Could somebody try it on a slow disk?");
  await bo.sees("slow disk");
  await bo.send("On it. I have an old laptop that will do.");
  await ana.sees("old laptop");
  await ana.send(`A word without an end: ${"abcdefghij".repeat(12)}`);
  await ana.sees("abcdefghij");
  await Promise.all([ana.context.close(), bo.context.close()]);
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

/** What axe finds, each as one line that names the rule and the first offender. */
async function violations(person) {
  // The page's own policy refuses injected scripts; the debugger's way in isn't bound by it.
  await person.page.evaluate(await readFile(axe, "utf8"));
  const { violations: found } = await person.page.evaluate(() => globalThis.axe.run());
  return found.map(({ id, nodes }) => `${id}: ${nodes[0].html} ${nodes[0].failureSummary}`);
}

/** As when the guest of yesterday was forgotten by the server before the message was out. */
async function leaveDraftOfSomebodyElse(person) {
  await person.page.evaluate(() => {
    const draft = { client_id: "left-over", room: "general", author: "gone", text: "Left over" };
    const rest = { written_at: Date.now(), state: "pending" };
    localStorage.setItem("chat.draft.left-over", JSON.stringify({ ...draft, ...rest }));
  });
  await person.page.reload();
}

for (const colorScheme of ["light", "dark"]) {
  test(`nothing stands in anybody's way, ${colorScheme}`, async () => {
    const guest = await ChatPage.open(browser, server.url, { colorScheme });
    await guest.page.getByRole("heading", { name: "Welcome" }).waitFor();
    await guest.picture(`welcome-${colorScheme}`);
    assert.deepEqual(await violations(guest), []);

    await guest.page.getByLabel("Your name").fill("Cleo Ndiaye");
    await guest.page.keyboard.press("Enter");
    await guest.sees("old laptop");
    await guest.send("I can take the slow disk as well.");
    await guest.sees("I can take");
    await guest.picture(`chat-${colorScheme}`);
    assert.deepEqual(await violations(guest), []);

    await guest.page.getByRole("button", { name: "New room" }).click();
    await guest.page.getByRole("dialog", { name: "New room" }).waitFor();
    assert.deepEqual(await violations(guest), []);
    await guest.page.getByRole("button", { name: "Cancel" }).click();

    await guest.page.getByRole("button", { name: "People" }).click();
    await guest.page.getByRole("button", { name: "Message Ana Moreno" }).waitFor();
    await guest.picture(`people-${colorScheme}`);
    assert.deepEqual(await violations(guest), []);
    await guest.page.getByRole("button", { name: "Close" }).click();

    await leaveDraftOfSomebodyElse(guest);
    await guest.messages("Not sent.").getByRole("button", { name: "Try again" }).waitFor();
    await guest.picture(`failed-${colorScheme}`);
    assert.deepEqual(await violations(guest), []);
    await guest.messages("Not sent.").getByRole("button", { name: "Discard" }).click();
    await guest.messages("Not sent.").waitFor({ state: "detached" });
    await guest.context.close();
  });
}

test("320 pixels are enough, without scrolling sideways", async () => {
  const viewport = { width: 320, height: 640 };
  const guest = await ChatPage.open(browser, server.url, { viewport });
  const overflow = () =>
    guest.page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.equal(await overflow(), 0);
  await guest.picture("narrow-welcome");
  await guest.page.getByLabel("Your name").fill("Cleo Ndiaye");
  await guest.page.keyboard.press("Enter");
  await guest.sees("old laptop");
  assert.equal(await overflow(), 0);
  const inside = await guest.page.getByRole("log").evaluate((el) => el.scrollWidth - el.clientWidth);
  assert.equal(inside, 0);
  await guest.picture("narrow-chat");

  await guest.page.getByRole("button", { name: "Rooms" }).click();
  await guest.page.getByRole("link", { name: /general/i }).waitFor();
  assert.equal(await overflow(), 0);
  await guest.picture("narrow-rooms");
  assert.deepEqual(await violations(guest), []);
  await guest.page.keyboard.press("Escape");
  await guest.send("From a very small screen");
  await guest.sees("From a very small screen");
  await guest.context.close();
});

test("the keyboard alone is enough to come in, write and change rooms", async () => {
  const guest = await ChatPage.open(browser, server.url);
  const { keyboard } = guest.page;
  await guest.page.getByLabel("Your name").waitFor();
  await keyboard.type("Keys Only");
  await keyboard.press("Enter");
  await guest.connected();
  await keyboard.type("no mouse here");
  await keyboard.press("Enter");
  await guest.sees("no mouse here");
  const focused = () => guest.page.evaluate(() => document.activeElement?.textContent?.trim());
  const focusOn = async (name) => {
    for (let presses = 0; presses < 30; presses++) {
      if ((await focused())?.toLowerCase().startsWith(name.toLowerCase())) return;
      await keyboard.press("Shift+Tab");
    }
    assert.fail(`the keyboard never reaches ${name}`);
  };
  await focusOn("New room");
  await keyboard.press("Enter");
  await guest.page.getByRole("dialog", { name: "New room" }).waitFor();
  await keyboard.type("keys");
  await keyboard.press("Enter");
  await guest.page.getByRole("heading", { name: "keys" }).waitFor();
  await focusOn("General");
  await keyboard.press("Enter");
  await guest.sees("no mouse here");
  await guest.context.close();
});
