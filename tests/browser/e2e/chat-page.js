import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { chromium } from "playwright-core";

const ARGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--disable-dev-shm-usage",
];

/** What a person may have to wait for anything on the page. */
const PATIENCE_MS = 15_000;

export function launchBrowser() {
  return chromium.launch({ executablePath: "/usr/bin/chromium", args: ARGS });
}

/** One person in front of the chat, in a browser context of their own. */
export class ChatPage {
  /** What the page complained about: scripts that threw, policies that were broken. */
  complaints = [];

  constructor(context, page) {
    this.context = context;
    this.page = page;
    page.setDefaultTimeout(PATIENCE_MS);
    page.on("pageerror", (error) => this.complaints.push(String(error)));
    page.on("console", (message) => {
      // A socket that can't connect is logged by the browser itself.
      const expected = /WebSocket|ERR_CONNECTION|Failed to load resource/.test(message.text());
      if (message.type() === "error" && !expected) this.complaints.push(message.text());
    });
  }

  static async open(browser, url, options = {}) {
    const context = await browser.newContext({ viewport: { width: 1180, height: 760 }, ...options });
    const person = new ChatPage(context, await context.newPage());
    await person.page.goto(url);
    return person;
  }

  /** Comes in by name, and waits for the line to be up. */
  static async enter(browser, url, name, options) {
    const person = await ChatPage.open(browser, url, options);
    await person.page.getByLabel("Your name").fill(name);
    await person.page.getByRole("button", { name: "Start chatting" }).click();
    await person.connected();
    return person;
  }

  connected() {
    return this.#shown(this.page.getByText("Connected", { exact: true }));
  }

  disconnected() {
    return this.#shown(this.page.getByText(/^Offline, next try/));
  }

  /** Writes, and sends with the Enter key. */
  async send(text) {
    const field = this.page.getByLabel("Message", { exact: true });
    await field.fill(text);
    await field.press("Enter");
  }

  /** The rows of the open room that have this text. */
  messages(text) {
    return this.page.getByRole("log").getByRole("listitem").filter({ hasText: text });
  }

  /** The row of this text once the room's log has it. */
  placed(text) {
    return this.page.locator('[data-state="placed"]').filter({ hasText: text });
  }

  sees(text) {
    return this.#shown(this.placed(text));
  }

  /** A picture for people, where somebody asked for pictures. */
  async picture(name) {
    const folder = process.env.CHAT_SCREENSHOTS;
    if (!folder) return;
    await mkdir(folder, { recursive: true });
    await this.page.screenshot({ path: join(folder, `${name}.png`) });
  }

  #shown(locator) {
    return locator.first().waitFor({ state: "visible" });
  }
}
