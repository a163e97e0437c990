// A user's own channel, which the server subscribes every connection to: the SDK tells of it by the client itself.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Client } from './client.js';
import { format } from './format.js';
import { DEADLINE_MS, eventually, Server } from './server.js';

describe('hints', { timeout: 60_000 }, () => {
  let server;
  const clients = [];

  /** One more connection of `guest`, which records what the SDK tells of channels that the server chose. */
  async function connection(guest) {
    const client = new Client(server, guest.token);
    client.subscribed = [];
    client.hints = [];
    client.sdk.on('subscribed', (context) => client.subscribed.push(context));
    client.sdk.on('publication', ({ channel, offset, data }) => {
      client.hints.push({ channel, offset, ...format.read(data) });
    });
    client.sdk.connect();
    await client.sdk.ready(DEADLINE_MS);
    clients.push(client);
    return client;
  }
  async function told(client, type) {
    const find = () => client.hints.find((hint) => hint.type === type);
    await eventually(`a connection is told ${type}`, () => find() !== undefined);
    return find();
  }

  before(async () => {
    server = await Server.start();
  });
  after(async () => {
    clients.forEach(({ sdk }) => sdk.disconnect());
    await server?.stop();
  });

  test('the server has subscribed every connection, and a connection that comes back again', async () => {
    const ada = await server.guest('Ada');
    const client = await connection(ada);
    const channel = `user:${ada.user.id}`;
    assert.deepEqual(client.subscribed.map((it) => [it.channel, it.recoverable]), [[channel, false]]);
    client.cut();
    await eventually('the line is gone', () => client.sdk.state !== 'connected');
    client.restore();
    await eventually('it is subscribed again', () => client.subscribed.length === 2);
    await client.rpc('user.rename', { name: 'Lady Ada' });
    const hint = await told(client, 'user.updated');
    assert.deepEqual([hint.channel, hint.user.name], [channel, 'Lady Ada']);
    assert.ok(!hint.offset);
  });

  test('what was read on one device is told on the other, and a membership on both', async () => {
    const [ada, bob] = [await server.guest('Ada'), await server.guest('Bob')];
    const [phone, laptop] = [await connection(ada), await connection(ada)];
    const maker = await connection(bob);
    const create = { name: 'Tea', kind: 'private', members: [ada.user.id] };
    const { id: room } = await maker.rpc('room.create', create);
    for (const client of [phone, laptop]) {
      const { user, ...hint } = await told(client, 'member.joined');
      assert.deepEqual([hint.room, user.name], [room, 'Bob']);
    }
    await maker.send(room, 'one');
    await maker.send(room, 'two');
    await laptop.rpc('read.mark', { room, offset: 4 });
    const { offset, unread } = await told(phone, 'read.marked');
    assert.equal(unread, 1);
    assert.equal(offset, 4, 'of the mark: the publication has none');
    assert.equal(maker.hints.some(({ type }) => type === 'read.marked'), false);
  });

  test('nobody subscribes to it by themselves', async () => {
    const client = await connection(await server.guest('Eve'));
    const other = await server.guest('Ada');
    const subscription = client.sdk.newSubscription(`user:${other.user.id}`);
    const ended = new Promise((resolve) => subscription.on('unsubscribed', resolve));
    subscription.subscribe();
    assert.equal((await ended).code, 103);
    const publish = client.sdk.publish(`user:${other.user.id}`, format.write({ text: 'x' }));
    await assert.rejects(publish, { code: 103 });
  });
});
