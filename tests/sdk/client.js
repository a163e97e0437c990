// The unmodified SDK as the tests use it: what it tells is recorded, and its network can be cut.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import WebSocket from 'ws';
import { format } from './format.js';
import { DEADLINE_MS, eventually } from './server.js';

/** The SDK's own client (`sdk`), and beside it the wire that it speaks on. */
export class Client {
  /** Every socket that the SDK opened, oldest first. */
  sockets = [];
  /** What the SDK sent, frame by frame: the commands in each. */
  sent = [];
  /** Replies and pushes as they came, parsed; pings included. */
  received = [];
  #network = true;

  /** `getToken` is asked when `token` has expired, or is about to. */
  constructor(server, token, getToken = null) {
    const wire = this;
    // The socket class is an option of the SDK's own; a cut network is a port where nobody listens.
    class Socket extends WebSocket {
      constructor(url, protocols) {
        super(wire.#network ? url : 'ws://127.0.0.1:1', protocols);
        wire.sockets.push(this);
        this.on('message', (frame) => wire.received.push(...format.replies(wire.sdk, frame)));
      }

      send(frame, ...rest) {
        wire.sent.push(format.commands(wire.sdk, frame));
        super.send(frame, ...rest);
      }
    }
    this.sdk = new format.Centrifuge(`${server.url.replace('http', 'ws')}/connection/websocket`, {
      token,
      getToken,
      websocket: Socket,
      minReconnectDelay: 20,
      maxReconnectDelay: 200,
    });
  }

  /** A new guest's client, connected. */
  static async connected(server, name) {
    const client = new Client(server, (await server.guest(name)).token);
    client.sdk.connect();
    await client.sdk.ready(DEADLINE_MS);
    return client;
  }

  /** Subscribes to a room's channel and records what the SDK tells of it. */
  subscribe(room, options) {
    return this.subscribeTo(`room:${room}`, options);
  }

  /** The same for any channel. */
  async subscribeTo(channel, options) {
    const feed = new Feed(this.sdk.newSubscription(channel, options));
    feed.subscription.subscribe();
    await feed.subscription.ready(DEADLINE_MS);
    return feed;
  }

  async rpc(method, data) {
    return format.read((await this.sdk.rpc(method, format.write(data))).data);
  }

  /** Sends a message; resolves with its ack. */
  send(room, text, client_id = clientId()) {
    return this.rpc('message.send', { room, client_id, text });
  }

  /** A new public room of this client's: its id. */
  async newRoom(name) {
    return (await this.rpc('room.create', { name, kind: 'public', client_id: clientId() })).id;
  }

  /** Drops the socket without a close frame, and every attempt to come back until `restore()`. */
  cut() {
    this.#network = false;
    this.sockets.at(-1).terminate();
  }

  restore() {
    this.#network = true;
  }
}

/** What one subscription told: publications, and the contexts of `subscribed` and `unsubscribed`. */
export class Feed {
  publications = [];
  /** Publications that are kept nowhere, and have no place in the order. */
  ephemeral = [];
  subscribed = [];
  unsubscribed = [];

  constructor(subscription) {
    this.subscription = subscription;
    subscription.on('publication', (context) => {
      (context.offset ? this.publications : this.ephemeral).push(readable(context));
    });
    subscription.on('subscribed', (context) => this.subscribed.push(context));
    subscription.on('unsubscribed', (context) => this.unsubscribed.push(context));
  }

  /** The protocol's own history. */
  async history(options) {
    const result = await this.subscription.history(options);
    return { ...result, publications: result.publications.map(readable) };
  }

  get offsets() {
    return this.publications.map((publication) => publication.offset);
  }

  /** The messages among them, as events. */
  get messages() {
    return this.publications.map(({ data }) => data).filter(({ type }) => type === 'message.created');
  }

  /** Waits until every message of `ids` has come. */
  async has(ids) {
    const missing = new Set(ids);
    await eventually(`all of ${ids.length} messages have come`, () => {
      for (const { id } of this.messages) missing.delete(id);
      return missing.size === 0;
    });
  }
}

/** A publication with its data read. */
function readable(publication) {
  return { ...publication, data: format.read(publication.data) };
}

/** Fails unless `offsets` start at `first` and go up by one. */
export function assertNoHole(offsets, first = offsets[0]) {
  assert.deepEqual(offsets, offsets.map((_, step) => first + step));
}

/** A client id as the protocol advises it: UUIDv7. */
export function clientId() {
  const time = Date.now().toString(16).padStart(12, '0');
  const chance = randomBytes(9).toString('hex');
  return [
    time.slice(0, 8),
    time.slice(8),
    `7${chance.slice(0, 3)}`,
    `a${chance.slice(3, 6)}`,
    chance.slice(6),
  ].join('-');
}
