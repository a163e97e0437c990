import { spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually } from "./eventually.js";

/** How long a server may take from its start to being ready. */
const READY_MS = 20_000;

/**
 * The real server, on a port and a data directory of its own. Its parent is this process, so its
 * end is known for certain.
 */
export class ServerProcess {
  #child = null;

  constructor(port, dataDir) {
    this.port = port;
    this.dataDir = dataDir;
    this.url = `http://127.0.0.1:${port}/`;
  }

  static async start() {
    const dataDir = await mkdtemp(join(tmpdir(), "chat-browser-"));
    const server = new ServerProcess(await freePort(), dataDir);
    await server.up();
    return server;
  }

  /** Starts it, the first time or again, and waits until it is ready. */
  async up() {
    const binary = process.env.CHAT_SERVER_BIN;
    if (!binary) throw new Error("set CHAT_SERVER_BIN to the server's binary");
    const output = [];
    const env = { ...process.env, PORT: String(this.port), DATA_DIR: this.dataDir };
    const child = spawn(binary, [], { env, stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (line) => output.push(line));
    const failed = once(child, "error").then(([error]) => Promise.reject(error));
    this.#child = child;
    const ready = eventually(READY_MS, "the server is ready", async () => {
      if (child.exitCode !== null) throw new Error(`the server ended:\n${output.join("")}`);
      const answer = await fetch(`${this.url}health/ready`).catch(() => null);
      return answer?.status === 200;
    });
    await Promise.race([ready, failed]);
  }

  /** As a power cut would: nothing is flushed, nobody is told. */
  kill() {
    return this.#end();
  }

  /** Another life: the same address, and nothing of what was. Only while it is down. */
  async forgetEverything() {
    await rm(this.dataDir, { recursive: true, force: true });
    await mkdir(this.dataDir);
  }

  async stop() {
    await this.#end();
    await rm(this.dataDir, { recursive: true, force: true });
  }

  async #end() {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    child.kill("SIGKILL");
    await exited;
  }
}

/**
 * A port that was free a moment ago, below those that the system gives to whoever connects somewhere: it stays free while
 * the server is down.
 */
async function freePort() {
  for (;;) {
    const port = randomInt(10_000, 30_000);
    const server = createServer();
    const free = new Promise((resolve) => {
      server.once("listening", () => resolve(true)).once("error", () => resolve(false));
    });
    server.listen(port, "0.0.0.0");
    if (!(await free)) continue; // taken
    server.close();
    await once(server, "close");
    return port;
  }
}
