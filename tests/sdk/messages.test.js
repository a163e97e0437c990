import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { assertNoHole, Client, clientId } from './client.js';
import { format } from './format.js';
import { eventually, Server } from './server.js';

describe('messages', { timeout: 60_000 }, () => {
  let server;
  let ada;
  let bob;

  before(async () => {
    server = await Server.start();
    ada = await Client.connected(server, 'Ada');
    bob = await Client.connected(server, 'Bob');
  });
  after(async () => {
    ada?.sdk.disconnect();
    bob?.sdk.disconnect();
    await server?.stop();
  });

  /** A room of Ada's where Bob is a member too. */
  async function sharedRoom(name) {
    const room = await ada.newRoom(name);
    await bob.rpc('room.join', { room });
    return room;
  }

  test('an ack names the message and its durability, and the message comes to everyone', async () => {
    const room = await sharedRoom('ack');
    const [mine, theirs] = [await ada.subscribe(room), await bob.subscribe(room)];
    const client_id = clientId();
    const ack = await ada.send(room, 'hello <b>world</b> \u2028 "\\" 😀\nsecond line', client_id);
    assert.deepEqual(Object.keys(ack).sort(), ['durability', 'id']);
    assert.equal(ack.durability, 'fsync');
    await Promise.all([mine.has([ack.id]), theirs.has([ack.id])]);
    const [event] = theirs.messages;
    assert.equal(event.text, 'hello <b>world</b> \u2028 "\\" 😀\nsecond line');
    assert.equal(event.client_id, client_id);
    assert.equal(event.room, room);
    assert.equal(event.user.name, 'Ada');
    assert.equal(event.offset, theirs.offsets.at(-1));
    assert.ok(Math.abs(event.time - Date.now()) < 60_000);
    assert.deepEqual(mine.messages, theirs.messages);
  });

  test('a repeat with the same client id gives the same answer and no second message', async () => {
    const room = await sharedRoom('repeat');
    const feed = await bob.subscribe(room);
    const client_id = clientId();
    const first = await ada.send(room, 'once', client_id);
    assert.deepEqual(await ada.send(room, 'once', client_id), first);
    await assert.rejects(ada.send(room, 'other words', client_id), { code: 409, message: /^client_id_reused: / });
    const last = await ada.send(room, 'last');
    await feed.has([last.id]);
    assert.deepEqual(feed.messages.map(({ text }) => text), ['once', 'last']);
  });

  test('publish and send bring a message without an ack', async () => {
    const room = await sharedRoom('bare');
    const feed = await bob.subscribe(room);
    await ada.sdk.publish(`room:${room}`, format.write({ text: 'published', client_id: clientId() }));
    const data = { room, client_id: clientId(), text: 'sent' };
    await ada.sdk.send(format.write({ method: 'message.send', data }));
    await feed.has([(await ada.send(room, 'last')).id]);
    assert.deepEqual(feed.messages.map(({ text }) => text), ['published', 'sent', 'last']);
    await assert.rejects(ada.sdk.publish(`room:${room}`, format.write({ text: ' ' })), { code: 406 });
  });

  test('two readers see one order, without a hole', async () => {
    const room = await sharedRoom('order');
    const [mine, theirs] = [await ada.subscribe(room), await bob.subscribe(room)];
    const sends = [];
    for (let n = 0; n < 50; n += 1) sends.push(ada.send(room, `a${n}`), bob.send(room, `b${n}`));
    const ids = (await Promise.all(sends)).map(({ id }) => id);
    assert.equal(new Set(ids).size, 100);
    await Promise.all([mine.has(ids), theirs.has(ids)]);
    assert.deepEqual(mine.messages, theirs.messages);
    assert.equal(mine.messages.length, 100);
    assertNoHole(mine.offsets, mine.subscribed[0].streamPosition.offset + 1);
    // One author's own order is kept: each sent on one connection, in turn.
    const fromAda = mine.messages.map(({ text }) => text).filter((text) => text.startsWith('a'));
    assert.deepEqual(fromAda, Array.from({ length: 50 }, (_, n) => `a${n}`));
  });

  test('history() pages both ways and tells the top', async () => {
    const room = await ada.newRoom('history');
    const feed = await ada.subscribe(room);
    for (let n = 1; n <= 10; n += 1) await ada.send(room, `m${n}`);
    await eventually('all have come', () => feed.messages.length === 10);
    const { epoch } = feed.subscribed[0].streamPosition;
    const head = feed.offsets.at(-1);

    const top = await feed.history({ limit: 0 });
    assert.deepEqual([top.publications.length, top.offset, top.epoch], [0, head, epoch]);
    const newest = await feed.history({ limit: 3, reverse: true });
    assert.deepEqual(newest.publications.map(({ data }) => data.text), ['m10', 'm9', 'm8']);
    const next = await feed.history({ limit: 4, since: { offset: head - 5, epoch } });
    assert.deepEqual(next.publications.map(({ offset }) => offset), [head - 4, head - 3, head - 2, head - 1]);
    const all = await feed.history({ limit: -1 });
    assertNoHole(all.publications.map(({ offset }) => offset), 1);
    assert.equal(all.publications[0].data.type, 'room.created');
    const elsewhere = { limit: 1, since: { offset: 1, epoch: 'another' } };
    await assert.rejects(feed.history(elsewhere), { code: 112 });
  });

  test('history.page walks back to the beginning without a hole and equals what came live', async () => {
    const room = await ada.newRoom('pages');
    const feed = await ada.subscribe(room);
    for (let n = 1; n <= 12; n += 1) await ada.send(room, `m${n}`);
    await eventually('all have come', () => feed.messages.length === 12);

    const walked = [];
    let page = await ada.rpc('history.page', { room, limit: 5 });
    assert.equal(page.head, feed.offsets.at(-1));
    assert.equal(page.next, undefined);
    for (;;) {
      assert.ok(page.events.length <= 5);
      walked.unshift(...page.events);
      if (page.prev === undefined) break;
      page = await ada.rpc('history.page', { room, limit: 5, before: page.prev });
    }
    assertNoHole(walked.map(({ offset }) => offset), 1);
    const withoutOrdinal = walked.map(({ ordinal: _, ...event }) => event);
    assert.deepEqual(withoutOrdinal.slice(-12), feed.messages);

    const middle = feed.messages[5];
    const after = await ada.rpc('history.page', { room, after: middle.offset, limit: 2 });
    assert.deepEqual(after.events.map(({ text }) => text), ['m7', 'm8']);
    const around = await ada.rpc('history.page', { room, around: middle.id, limit: 5 });
    assert.ok(around.events.some(({ id }) => id === middle.id));
    await assert.rejects(ada.rpc('history.page', { room, epoch: 'another' }), { code: 112 });
  });

  test('nothing comes after an unsubscribe; a new subscribe brings what was missed', async () => {
    const room = await ada.newRoom('unsubscribe');
    const feed = await bob.subscribe(room);
    const first = await ada.send(room, 'seen');
    await feed.has([first.id]);
    feed.subscription.unsubscribe();
    assert.equal(feed.unsubscribed[0].code, 0);
    await bob.rpc('user.me', {}); // answered after the unsubscribe that went before it
    const mark = bob.received.length;
    const missed = await ada.send(room, 'missed');
    const page = await bob.rpc('history.page', { room, limit: 1 });
    assert.equal(page.events[0].id, missed.id);
    feed.subscription.subscribe();
    await feed.has([missed.id]);

    const channel = `room:${room}`;
    const tail = bob.received.slice(mark);
    const resubscribed = tail.findIndex((reply) => reply.subscribe?.was_recovering);
    const pushed = tail.findIndex((reply) => reply.push?.channel === channel);
    assert.ok(resubscribed >= 0 && (pushed < 0 || pushed > resubscribed));
    assert.equal(feed.subscribed[1].recovered, true);
    assertNoHole(feed.offsets);
  });

  test('an unknown room is error 401 and the subscription ends for good', async () => {
    const subscription = bob.sdk.newSubscription('room:nowhere');
    const context = await new Promise((resolve) => {
      subscription.on('unsubscribed', resolve);
      subscription.subscribe();
    });
    assert.equal(context.code, 401);
    assert.match(context.reason, /^room_not_found: /);
    assert.equal(subscription.state, 'unsubscribed'); // terminal: the SDK does not try again
    await assert.rejects(bob.send('nowhere', 'anyone?'), { code: 401 });
    assert.equal(bob.sdk.state, 'connected');
  });
});
