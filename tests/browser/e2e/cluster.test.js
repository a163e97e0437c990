import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { ChatPage, launchBrowser } from "./chat-page.js";

/** Three brokers, a database, Redis and three nodes, on a machine that may be busy. */
const READY_MS = 120_000;
const NODES = 3;

const command = fileURLToPath(new URL("../../../dev/cluster", import.meta.url));
let cluster;
let browser;
let urls;

/** The addresses that dev/cluster prints, a line for each node. */
async function addresses(lines) {
  const found = [];
  for await (const line of lines) {
    const [, url] = /^node \d+ (http:\S+)$/.exec(line) ?? [];
    if (url) found.push(`${url}/`);
    if (found.length === NODES) return found;
  }
  throw new Error("dev/cluster ended before its nodes were there");
}

before(
  async () => {
    cluster = spawn(command, [String(NODES)], { stdio: ["ignore", "pipe", "inherit"] });
    urls = await addresses(createInterface({ input: cluster.stdout }));
    browser = await launchBrowser();
  },
  { timeout: READY_MS },
);

after(
  async () => {
    await browser?.close();
    if (cluster?.exitCode !== null) return;
    const ended = once(cluster, "exit");
    cluster.kill("SIGTERM");
    assert.deepEqual(await ended, [0, null], "dev/cluster ends in good order");
  },
  { timeout: READY_MS },
);

test("people on three nodes talk in one room, and each knows who is there", async () => {
  const names = ["Ana Moreno", "Bo Lind", "Cem Aydin"];
  const people = [];
  for (const [n, name] of names.entries()) {
    people.push(await ChatPage.enter(browser, urls[n], name));
  }
  for (const [n, person] of people.entries()) {
    await person.send(`Hello from node ${n + 1}`);
    for (const each of people) await each.sees(`Hello from node ${n + 1}`);
  }
  const texts = (person) => person.page.locator(".message .text").allInnerTexts();
  const [first, ...others] = await Promise.all(people.map(texts));
  for (const other of others) assert.deepEqual(other, first);
  for (const { page } of people) await page.getByText("3 here now").waitFor();
  await people[1].page.getByLabel("Message", { exact: true }).pressSequentially("I was about to");
  await people[0].page.getByText("Bo Lind is writing…").waitFor();
  await people[0].picture("three-nodes");
  assert.deepEqual(
    people.flatMap((person) => person.complaints),
    [],
  );
});
