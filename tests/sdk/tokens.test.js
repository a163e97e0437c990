// Tokens that run out: the SDK brings fresh ones by itself, and notices nothing else.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { assertNoHole, Client, Feed } from './client.js';
import { format } from './format.js';
import { DEADLINE_MS, eventually, Server } from './server.js';

const KEY = 'a secret of the tests, of thirty-two bytes or more';
const now = () => Math.floor(Date.now() / 1000);

/** A token of `sub`, good for `seconds`. */
function sign(sub, seconds) {
  const part = (it) => Buffer.from(JSON.stringify(it)).toString('base64url');
  const signed = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ sub, name: sub, exp: now() + seconds })}`;
  return `${signed}.${createHmac('sha256', KEY).update(signed).digest('base64url')}`;
}

describe('tokens', { timeout: 60_000 }, () => {
  let folder;
  let server;
  const clients = [];

  /** A client that counts its contexts; `tokens` are given out in turn, the last one for ever. */
  function client(first, ...tokens) {
    const it = new Client(server, first, async () => (tokens.length > 1 ? tokens.shift() : tokens[0])());
    it.connected = [];
    it.sdk.on('connected', (context) => it.connected.push(context));
    it.disconnected = new Promise((resolve) => it.sdk.on('disconnected', resolve));
    clients.push(it);
    return it;
  }
  const refreshed = (it) => it.received.filter((reply) => reply.refresh);

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'chat-sdk-keys-'));
    await writeFile(join(folder, 'accounts.key'), `${KEY}\n`);
    server = await Server.start({
      CHAT__AUTH__HMAC_SECRET_FILE: join(folder, 'accounts.key'),
      CHAT__AUTH__LEEWAY_S: '0',
      CHAT__SESSION__EXPIRED_CLOSE_DELAY_S: '1',
    });
  });
  after(async () => {
    for (const it of clients) it.sdk.disconnect();
    await server?.stop();
    await rm(folder, { recursive: true });
  });

  test('a connection outlives its tokens, without a drop', async () => {
    const it = client(sign('ada', 2), () => sign('ada', 2));
    const feed = new Feed(it.sdk.newSubscription('room:general'));
    feed.subscription.subscribe();
    it.sdk.connect();
    await feed.subscription.ready(DEADLINE_MS);
    assert.deepEqual(format.read(it.connected[0].data).user, { id: 'ada', name: 'ada', guest: false });
    const end = Date.now() + 2_000 + 1_000 + 500; // when the first token's connection would have been closed
    const acks = [];
    await eventually('several tokens have run out', async () => {
      acks.push(await it.send('general', `${acks.length}`));
      return refreshed(it).length >= 3 && Date.now() > end;
    });
    await feed.has(acks.map(({ id }) => id));
    assertNoHole(feed.offsets);
    for (const { refresh } of refreshed(it)) {
      assert.equal(refresh.expires, true);
      assert.ok(refresh.ttl >= 1 && refresh.ttl <= 2, `${refresh.ttl} s`);
    }
    assert.deepEqual([it.sockets.length, it.connected.length, feed.subscribed.length], [1, 1, 1]);
    assert.equal(it.sdk.state, 'connected');
  });

  test('who comes with an expired token is told 109 and gets another', async () => {
    const it = client(sign('bob', -10), () => sign('bob', 600));
    it.sdk.connect();
    await it.sdk.ready(DEADLINE_MS);
    assert.ok(it.received.some((reply) => reply.error?.code === 109));
    assert.equal((await it.rpc('user.me', {})).id, 'bob');
  });

  test('a fresh token that has expired costs a reconnect, and no more', async () => {
    const it = client(sign('cid', 2), () => sign('cid', -10), () => sign('cid', 600));
    it.sdk.connect();
    await eventually('it has come back', () => it.connected.length === 2);
    assert.equal(it.sdk.state, 'connected');
    assert.equal(refreshed(it).length, 0);
  });

  test('a fresh token of another user is refused for good', async () => {
    const it = client(sign('dot', 2), () => sign('eve', 600));
    it.sdk.connect();
    assert.equal((await it.disconnected).code, 3500);
    assert.equal(it.connected.length, 1);
  });

  test('the example of the README for accounts of one’s own does what it says', async () => {
    const readme = await readFile(new URL('../../README.md', import.meta.url), 'utf8');
    const section = readme.split('\n## ').find((it) => it.startsWith('Use your own accounts\n'));
    const example = section.match(/```js\n([^]*?)```/)[1];
    assert.match(section, /HMAC_SECRET_FILE=accounts\.key/);
    const script = join(folder, 'example.mjs');
    await writeFile(script, example.replace('http://localhost:8000', server.url));
    const { stdout } = await promisify(execFile)(process.execPath, [script], { cwd: folder, timeout: DEADLINE_MS });
    assert.equal(stdout.trim(), example.match(/console\.log.*\/\/ (.*)/)[1]);
  });
});
