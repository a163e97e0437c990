// Who comes into a room and goes, told one by one: the SDK asks for it, and tells of it by its own events.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Client } from './client.js';
import { format } from './format.js';
import { eventually, Server } from './server.js';

describe('comings', { timeout: 60_000 }, () => {
  let server;
  const clients = [];

  async function connected(name) {
    const client = await Client.connected(server, name);
    clients.push(client);
    return client;
  }

  before(async () => {
    server = await Server.start({ CHAT__PRESENCE__TICK_MS: '100' });
  });
  after(async () => {
    clients.forEach(({ sdk }) => sdk.disconnect());
    await server?.stop();
  });

  test('whoever asks is told who has come and who has gone', async () => {
    const [ada, bob] = [await connected('Ada'), await connected('Bob')];
    const room = await ada.newRoom('comings');
    const told = [];
    const feed = await ada.subscribe(room, { joinLeave: true });
    for (const what of ['join', 'leave']) {
      feed.subscription.on(what, ({ info }) => told.push(`${what} ${format.read(info.connInfo).name}`));
    }
    await eventually('one is told of oneself', () => told.includes('join Ada'));
    await bob.subscribe(room);
    await eventually('somebody has come', () => told.includes('join Bob'));
    bob.sdk.disconnect();
    await eventually('somebody has gone', () => told.includes('leave Bob'));
    assert.deepEqual(told, ['join Ada', 'join Bob', 'leave Bob']);
  });
});
