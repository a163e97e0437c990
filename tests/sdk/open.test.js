import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { assertNoHole, Client } from './client.js';
import { DEADLINE_MS, eventually, Server } from './server.js';
import { format } from './format.js';

describe('open channels', { timeout: 120_000 }, () => {
  let server;
  let ada;
  let bob;

  before(async () => {
    server = await Server.start({
      CHAT__PROTOCOL__OPEN_CHANNELS: 'true',
      CHAT__PROTOCOL__ANONYMOUS: 'true',
    });
    ada = await Client.connected(server, 'Ada');
    bob = await Client.connected(server, 'Bob');
  });
  after(async () => {
    ada?.sdk.disconnect();
    bob?.sdk.disconnect();
    await server?.stop();
  });

  const publish = (client, channel, data) => client.sdk.publish(channel, format.write(data));
  const numbers = (feed) => feed.publications.map(({ data }) => data.n);

  test('data is published, received with who published it, and resumed after a drop', async () => {
    const feed = await bob.subscribeTo('news');
    const own = await ada.subscribeTo('news');
    for (let n = 1; n <= 5; n++) await publish(ada, 'news', { n });
    await eventually('five have come', () => feed.publications.length === 5);
    assert.equal(feed.publications[0].info.client, ada.received.find(({ connect }) => connect).connect.client);
    assert.ok(feed.publications[0].info.user);

    bob.cut();
    for (let n = 6; n <= 405; n++) await publish(ada, 'news', { n });
    bob.restore();
    await eventually('all have come', () => feed.publications.length === 405);
    const [first, second] = feed.subscribed;
    assert.equal(first.streamPosition.offset ?? 0, 0);
    assert.deepEqual([second.wasRecovering, second.recovered], [true, true]);
    assertNoHole(feed.offsets, 1);
    assert.deepEqual(numbers(feed), Array.from({ length: 405 }, (_, n) => n + 1));
    await eventually('the publisher has all, too', () => own.publications.length === 405);

    const history = await feed.history({ limit: 2 });
    assert.deepEqual(history.publications.map(({ data }) => data.n), [1, 2]);
    assert.equal(history.offset, 405);
  });

  test('a killed server comes back with all that was published', async () => {
    const feed = await bob.subscribeTo('chat:index');
    await publish(ada, 'chat:index', { n: 1 });
    await eventually('one has come', () => feed.publications.length === 1);
    await server.kill();
    await server.restart();
    await ada.sdk.ready(DEADLINE_MS);
    await publish(ada, 'chat:index', { n: 2 });
    await eventually('both have come', () => feed.publications.length === 2);
    assert.deepEqual(numbers(feed), [1, 2]);
    assert.equal(feed.subscribed.at(-1).recovered, true);
  });

  test('who has no token publishes and receives', async () => {
    const nobody = new Client(server, '');
    nobody.sdk.connect();
    await nobody.sdk.ready(DEADLINE_MS);
    const feed = await nobody.subscribeTo('lobby');
    await publish(nobody, 'lobby', { n: 1 });
    await eventually('one has come', () => feed.publications.length === 1);
    assert.equal(feed.publications[0].info.user, '');
    await assert.rejects(nobody.rpc('user.me', {}), { code: 103 });
    nobody.sdk.disconnect();
  });
});
