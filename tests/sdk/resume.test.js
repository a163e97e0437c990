import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { assertNoHole, Client, clientId } from './client.js';
import { DEADLINE_MS, eventually, Server } from './server.js';

describe('resuming', { timeout: 120_000 }, () => {
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

  /** Sends `count` messages, `width` at a time; resolves with their ids. */
  async function sendMany(room, count, text, width = 50) {
    const ids = [];
    while (ids.length < count) {
      const batch = Array.from({ length: Math.min(width, count - ids.length) }, (_, n) =>
        ada.send(room, `${ids.length + n} ${text}`),
      );
      ids.push(...(await Promise.all(batch)).map(({ id }) => id));
    }
    return ids;
  }

  /** The recovering subscribe replies of `client`, as they came. */
  const resumed = (client) => client.received.map((reply) => reply.subscribe).filter((reply) => reply?.was_recovering);

  test('a dropped connection comes back with all that others sent meanwhile', async () => {
    const room = await ada.newRoom('drop');
    const feed = await bob.subscribe(room);
    const ids = await sendMany(room, 5, 'before');
    await feed.has(ids);
    bob.cut();
    ids.push(...(await sendMany(room, 20, 'while away')));
    const rest = sendMany(room, 100, 'while coming back', 5);
    bob.restore();
    ids.push(...(await rest));
    await feed.has(ids);

    const [, context] = feed.subscribed;
    assert.deepEqual([context.wasRecovering, context.recovered], [true, true]);
    assert.ok(context.hasRecoveredPublications);
    assertNoHole(feed.offsets, feed.subscribed[0].streamPosition.offset + 1);
    assert.deepEqual(feed.messages.map(({ id }) => id).sort(), ids.sort());
    assert.equal(feed.unsubscribed.length, 0);
  });

  test('nothing was missed: recovered, with nothing to recover', async () => {
    const room = await ada.newRoom('idle');
    const feed = await bob.subscribe(room);
    bob.cut();
    bob.restore();
    const again = new Promise((resolve) => feed.subscription.on('subscribed', resolve));
    const context = await again;
    assert.deepEqual([context.wasRecovering, context.recovered], [true, true]);
    assert.equal(context.hasRecoveredPublications, false);
    assert.deepEqual(context.streamPosition, feed.subscribed[0].streamPosition);
  });

  test('who was gone for long gets it in pages, in order, while others go on', async () => {
    const room = await ada.newRoom('long gone');
    const feed = await bob.subscribe(room);
    const before = resumed(bob).length;
    bob.cut();
    const ids = await sendMany(room, 1_200, 'x'.repeat(400), 100);
    const rest = sendMany(room, 200, 'while catching up', 10);
    bob.restore();
    ids.push(...(await rest));
    await feed.has(ids);

    const reply = resumed(bob).slice(before).find(({ publications }) => publications?.length > 0);
    assert.equal(reply.recovered, true);
    assert.ok(reply.publications.length < 1_200, 'the reply carries the first page only');
    assert.ok(JSON.stringify(reply).length <= 320 * 1_024, 'a page is bounded in bytes');
    assert.deepEqual([feed.subscribed[1].wasRecovering, feed.subscribed[1].recovered], [true, true]);
    assertNoHole(feed.offsets, feed.subscribed[0].streamPosition.offset + 1);
    assert.equal(feed.messages.length, 1_400);
    assert.equal(feed.unsubscribed.length, 0);
    assert.equal(bob.sdk.state, 'connected');
  });

  test('a position of another log is refused honestly: recovered is false', async () => {
    const room = await ada.newRoom('other log');
    const feed = await bob.subscribe(room, { since: { offset: 1, epoch: 'another' } });
    const [context] = feed.subscribed;
    assert.deepEqual([context.wasRecovering, context.recovered], [true, false]);
    assert.equal(feed.publications.length, 0);
    assert.equal(context.streamPosition.offset, 2);
  });

  test('after kill -9 and a restart everything acked is there, once, and readers resume', async () => {
    const room = await ada.newRoom('kill');
    const feed = await bob.subscribe(room);
    const acked = [];
    // As many as one session may have unanswered, less a few.
    const drafts = Array.from({ length: 250 }, (_, n) => ({ text: `k${n}`, client_id: clientId() }));
    let underWay;
    const enough = new Promise((resolve) => (underWay = resolve));
    const sends = drafts.map(async ({ text, client_id }) => {
      const { id } = await ada.send(room, text, client_id);
      if (acked.push(id) === 20) underWay();
    });
    const outcomes = Promise.allSettled(sends);
    await enough;
    await server.kill();
    const unknown = (await outcomes).filter(({ status }) => status === 'rejected');
    assert.equal(acked.length + unknown.length, drafts.length);
    await server.restart();
    await ada.sdk.ready(DEADLINE_MS);
    await eventually('the reader has resumed', () => feed.subscribed.length === 2);

    await feed.has(acked);
    const [, context] = feed.subscribed;
    assert.deepEqual([context.wasRecovering, context.recovered], [true, true]);
    assert.equal(context.streamPosition.epoch, feed.subscribed[0].streamPosition.epoch);
    // Whoever got no answer asks again: the same ids for what was there already, no second message for any.
    const again = await Promise.all(drafts.map(({ text, client_id }) => ada.send(room, text, client_id)));
    const ids = again.map(({ id }) => id);
    assert.ok(acked.every((id) => ids.includes(id)));
    await feed.has(ids);
    assertNoHole(feed.offsets, feed.subscribed[0].streamPosition.offset + 1);
    assert.deepEqual(feed.messages.map(({ id }) => id).sort(), ids.sort());
  });
});
