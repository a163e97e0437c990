import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Client, Feed } from './client.js';
import { format } from './format.js';
import { eventually, Server } from './server.js';

describe('connecting', { timeout: 60_000 }, () => {
  let server;
  const clients = [];
  const connected = async (name) => {
    const client = await Client.connected(server, name);
    clients.push(client);
    return client;
  };

  before(async () => (server = await Server.start()));
  after(async () => {
    for (const client of clients) client.sdk.disconnect();
    await server?.stop();
  });

  test('a guest is told who they are and what an ack will mean', async () => {
    const { token, user } = await server.guest('Ada');
    const client = new Client(server, token);
    clients.push(client);
    const context = await new Promise((resolve) => {
      client.sdk.on('connected', resolve);
      client.sdk.connect();
    });
    assert.ok(context.client.length > 0);
    const data = format.read(context.data);
    assert.equal(data.server, 'scalable-chat');
    assert.equal(data.durability, 'fsync');
    assert.deepEqual(data.user, user);
    assert.equal(user.name, 'Ada');
    assert.equal(user.guest, true);
    assert.ok(data.limits.text_bytes_max > 0);
    assert.deepEqual(await client.rpc('user.me', {}), user);
  });

  test('subscriptions made before the connection travel in its first frame', async () => {
    const author = await connected('Ada');
    const rooms = await Promise.all(['a', 'b', 'c'].map((name) => author.newRoom(`pipelined ${name}`)));
    const client = new Client(server, (await server.guest('Bob')).token);
    clients.push(client);
    const feeds = rooms.map((room) => new Feed(client.sdk.newSubscription(`room:${room}`)));
    for (const feed of feeds) feed.subscription.subscribe();
    client.sdk.connect();
    await Promise.all(feeds.map((feed) => feed.subscription.ready(5_000)));

    assert.equal(client.sent.length, 1);
    assert.equal(client.sent[0].length, 1 + rooms.length);
    for (const feed of feeds) {
      const [context] = feed.subscribed;
      assert.ok(context.recoverable && context.positioned && !context.wasRecovering && !context.recovered);
      assert.match(context.streamPosition.epoch, /./);
      assert.equal(context.streamPosition.offset, 2); // room.created, then its creator's member.joined
    }
  });

  test('a wrong token is refused for good', async () => {
    const { token } = await server.guest('Eve');
    const forged = `${token.slice(0, -8)}AAAAAAAA`;
    const client = new Client(server, forged);
    clients.push(client);
    const context = await new Promise((resolve) => {
      client.sdk.on('disconnected', resolve);
      client.sdk.connect();
    });
    assert.ok(context.code === 101 || context.code === 3500, `code ${context.code}`);
    assert.equal(client.sdk.state, 'disconnected'); // the SDK's terminal state: it does not come back
    assert.equal(client.sockets.length, 1);
  });

  test('no token at all is refused for good', async () => {
    const client = new Client(server, '');
    clients.push(client);
    const context = await new Promise((resolve) => {
      client.sdk.on('disconnected', resolve);
      client.sdk.connect();
    });
    assert.ok(context.code === 101 || context.code === 3500, `code ${context.code}`);
  });

  test('an unknown method is error 104 and costs nothing else', async () => {
    const client = await connected('Ada');
    await assert.rejects(client.rpc('message.teleport', {}), { code: 104, message: /^method_not_found: / });
    assert.equal((await client.rpc('user.me', {})).name, 'Ada');
  });

  test('presence tells who is there', async () => {
    const [ada, bob] = [await connected('Ada'), await connected('Bob')];
    const room = await ada.newRoom('presence');
    const [feed] = [await ada.subscribe(room), await bob.subscribe(room)];
    // It is counted a moment after the reply to a subscribe; a tick says when.
    await eventually('a tick has counted both', () => feed.ephemeral.some(({ data }) => data.count === 2));
    const { clients } = await feed.subscription.presence();
    const names = Object.values(clients).map(({ connInfo }) => format.read(connInfo).name);
    assert.deepEqual(names.sort(), ['Ada', 'Bob']);
    assert.deepEqual(await feed.subscription.presenceStats(), { numClients: 2, numUsers: 2 });
  });

  test('a client that disconnects and connects again is served again', async () => {
    const client = await connected('Ada');
    const feed = await client.subscribe('general');
    client.sdk.disconnect();
    await eventually('the socket is closed', () => client.sockets[0].readyState === 3);
    client.sdk.connect();
    await feed.subscription.ready(5_000);
    const ack = await client.send('general', 'back');
    await feed.has([ack.id]);
    assert.equal(client.sdk.state, 'connected');
  });
});
