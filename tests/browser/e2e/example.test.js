// examples/page.html as people copy it: on a web server that leads to the chat, with the SDK from the npm package that it names.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { launchBrowser } from "./chat-page.js";
import { Front } from "./front.js";
import { ServerProcess } from "./server-process.js";

const PATIENCE_MS = 15_000;
const file = (path) => readFile(new URL(path, import.meta.url), "utf8");

let server;
let front;
let browser;

before(async () => {
  server = await ServerProcess.start();
  front = await Front.start(server.port, await file("../../../examples/page.html"));
  browser = await launchBrowser();
});

after(async () => {
  await browser?.close();
  await front?.stop();
  await server?.stop();
});

/** One person in front of the page; what it asks for elsewhere than here and there fails the test. */
class Reader {
  complaints = [];

  static async open(name) {
    const it = new Reader();
    it.context = await browser.newContext();
    const { version } = JSON.parse(await file("../node_modules/centrifuge/package.json"));
    const sdk = `https://unpkg.com/centrifuge@${version}/build/index.mjs`;
    await it.context.route(/.*/, async (route) => {
      const url = route.request().url();
      if (url === sdk) {
        const headers = { "access-control-allow-origin": "*" };
        const body = await file("../node_modules/centrifuge/build/index.mjs");
        await route.fulfill({ contentType: "text/javascript", headers, body });
      } else if (url.startsWith(front.url)) {
        await route.continue();
      } else {
        it.complaints.push(url);
        await route.abort();
      }
    });
    it.page = await it.context.newPage();
    it.page.setDefaultTimeout(PATIENCE_MS);
    it.page.on("pageerror", (error) => it.complaints.push(String(error)));
    it.page.on("dialog", (dialog) => dialog.accept(name));
    await it.page.goto(front.url);
    await it.says("Connected");
    return it;
  }

  says(state) {
    return this.page.getByRole("status").filter({ hasText: state }).waitFor();
  }

  async send(text) {
    await this.page.getByLabel("Message", { exact: true }).fill(text);
    await this.page.getByRole("button", { name: "Send" }).click();
  }

  sees(text) {
    return this.page.getByRole("listitem").filter({ hasText: text }).waitFor();
  }

  all() {
    return this.page.getByRole("listitem").allInnerTexts();
  }
}

test("the page of the examples shows what is said, before, live and after the server was away", async () => {
  const ana = await Reader.open("Ana");
  await ana.send("<b>first</b>");
  await ana.sees("Ana: <b>first</b>");
  const bo = await Reader.open("Bo");
  await bo.sees("Ana: <b>first</b>");
  await bo.send("second");
  await ana.sees("Bo: second");

  await server.kill();
  await Promise.all([ana.says("Connecting"), bo.says("Connecting")]);
  await ana.send("third");
  await server.up();
  await Promise.all([ana.sees("Ana: third"), bo.sees("Ana: third")]);
  await bo.send("fourth");
  await ana.sees("Bo: fourth");

  const said = ["Ana: <b>first</b>", "Bo: second", "Ana: third", "Bo: fourth"];
  assert.deepEqual([await ana.all(), await bo.all()], [said, said]);
  await ana.page.reload();
  await ana.sees("Bo: fourth");
  assert.deepEqual(await ana.all(), said);
  await ana.send("fifth"); // still Ana: the tab keeps who this is
  await bo.sees("Ana: fifth");
  assert.deepEqual([...ana.complaints, ...bo.complaints], []);
});
