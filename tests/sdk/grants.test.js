// Tokens of single subscriptions: the SDK asks for one, brings a fresh one in time, and another when one has run out.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { assertNoHole, Client, Feed } from './client.js';
import { DEADLINE_MS, eventually, Server } from './server.js';

const KEY = 'a secret of the tests, of thirty-two bytes or more';

/** A token that says this, good for `seconds`. */
function sign(claims, seconds) {
  const part = (it) => Buffer.from(JSON.stringify(it)).toString('base64url');
  const exp = Math.floor(Date.now() / 1000) + seconds;
  const signed = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ ...claims, exp })}`;
  return `${signed}.${createHmac('sha256', KEY).update(signed).digest('base64url')}`;
}

describe('tokens of subscriptions', { timeout: 60_000 }, () => {
  let folder;
  let server;
  const clients = [];

  /** A user's client, subscribed to `general` with tokens of so many seconds, the last one for ever. */
  async function subscribed(sub, ...lives) {
    const client = new Client(server, sign({ sub }, 600));
    clients.push(client);
    client.asked = 0;
    const getToken = async ({ channel }) => {
      client.asked += 1;
      return sign({ sub, channel }, lives.length > 1 ? lives.shift() : lives[0]);
    };
    client.sdk.connect();
    const feed = new Feed(client.sdk.newSubscription('room:general', { getToken }));
    feed.subscription.subscribe();
    await feed.subscription.ready(DEADLINE_MS);
    return { client, feed };
  }

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'chat-sdk-grants-'));
    await writeFile(join(folder, 'accounts.key'), `${KEY}\n`);
    server = await Server.start({
      CHAT__AUTH__HMAC_SECRET_FILE: join(folder, 'accounts.key'),
      CHAT__AUTH__LEEWAY_S: '0',
      CHAT__SESSION__EXPIRED_CLOSE_DELAY_S: '4',
    });
  });
  after(async () => {
    for (const { sdk } of clients) sdk.disconnect();
    await server?.stop();
    await rm(folder, { recursive: true });
  });

  test('a subscription outlives its tokens, and misses nothing', async () => {
    const { client, feed } = await subscribed('ada', 2);
    const end = Date.now() + 2_000 + 4_000 + 500; // when it would have been ended without a fresh one
    const acks = [];
    await eventually('several tokens have run out', async () => {
      acks.push(await client.send('general', `${acks.length}`));
      return client.received.filter((it) => it.sub_refresh).length >= 3 && Date.now() > end;
    });
    await feed.has(acks.map(({ id }) => id));
    assertNoHole(feed.offsets);
    assert.deepEqual([feed.subscribed.length, feed.unsubscribed.length], [1, 0]);
  });

  test('one that has run out is replaced, and the subscription goes on from its place', async () => {
    const { client, feed } = await subscribed('bob', 2, -10, 600);
    const first = await client.send('general', 'before');
    await eventually('it has subscribed again', () => feed.subscribed.length === 2);
    const last = await client.send('general', 'behind');
    await feed.has([first.id, last.id]);
    assertNoHole(feed.offsets);
    assert.equal(feed.subscribed[1].recovered, true);
    assert.equal(client.asked, 3);
    assert.ok(client.received.some((it) => it.push?.unsubscribe?.code === 2501));
    assert.equal(client.sockets.length, 1);
  });
});
