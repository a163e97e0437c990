// A real server for one test file: its own process, port and data directory.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const BINARY =
  process.env.CHAT_SERVER_BIN ?? fileURLToPath(new URL('../../target/release/chat-server', import.meta.url));

/** How long anything that a test waits for may take. */
export const DEADLINE_MS = 20_000;

/** Waits until `holds()` is true; fails, saying what was awaited, once the deadline has passed. */
export async function eventually(what, holds) {
  const deadline = Date.now() + DEADLINE_MS;
  while (!(await holds())) {
    assert.ok(Date.now() < deadline, `still not after ${DEADLINE_MS} ms: ${what}`);
    await pause(10);
  }
}

export class Server {
  #dataDir;
  #options;
  #process;
  /** The end of what the process printed: said with every failure that concerns it. */
  #output = '';

  /** Starts one with `options` beside the usual ones, by their names in the environment. */
  static async start(options = {}) {
    const server = new Server();
    server.#options = options;
    server.#dataDir = await mkdtemp(join(tmpdir(), 'chat-sdk-'));
    server.port = await freePort();
    try {
      await server.restart();
    } catch (error) {
      server.#process.kill('SIGKILL');
      await rm(server.#dataDir, { recursive: true });
      throw error;
    }
    return server;
  }

  get url() {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Starts the process, again on the same port and data; returns when it says that it is ready. */
  async restart() {
    const env = {
      ...process.env,
      PORT: String(this.port),
      DATA_DIR: this.#dataDir,
      CHAT__LIMITS__ENABLED: 'false',
      ...this.#options,
    };
    this.#process = spawn(BINARY, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#process.on('error', (error) => (this.#output += `${BINARY}: ${error.message}\n`));
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      stream.on('data', (bytes) => (this.#output = (this.#output + bytes).slice(-8_192)));
    }
    await eventually('the server is ready', async () => {
      const { pid, exitCode, signalCode } = this.#process;
      assert.ok(pid && exitCode === null && signalCode === null, `the server ended:\n${this.#output}`);
      const reply = await fetch(`${this.url}/health/ready`).catch(() => null);
      return reply?.status === 200;
    });
  }

  /** Ends it without a chance to tidy up. */
  async kill() {
    await this.#end('SIGKILL');
  }

  /** Ends it as an operator would; it has to leave by itself and in good order. */
  async stop() {
    try {
      await this.#end('SIGTERM');
      assert.equal(this.#process.exitCode, 0, `exit code after SIGTERM:\n${this.#output}`);
    } finally {
      await rm(this.#dataDir, { recursive: true, force: true });
    }
  }

  async #end(signal) {
    const { pid, exitCode, signalCode } = this.#process;
    assert.ok(exitCode === null && signalCode === null, `the server had ended by itself:\n${this.#output}`);
    const ended = once(this.#process, 'exit', { signal: AbortSignal.timeout(DEADLINE_MS) });
    process.kill(pid, signal);
    await ended;
  }

  /** A new guest: `{ token, expires_at, user }`. */
  async guest(name) {
    const reply = await fetch(`${this.url}/api/guests`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ name }),
    });
    assert.equal(reply.status, 201);
    return reply.json();
  }
}

/**
 * A port that was free a moment ago, below those that the system gives to whoever connects somewhere: it stays free while
 * the server is down.
 */
async function freePort() {
  for (;;) {
    const port = randomInt(10_000, 30_000);
    const listener = createServer();
    const free = new Promise((resolve) => {
      listener.once('listening', () => resolve(true)).once('error', () => resolve(false));
    });
    listener.listen(port, '0.0.0.0');
    if (!(await free)) continue; // taken
    listener.close();
    await once(listener, 'close');
    return port;
  }
}
