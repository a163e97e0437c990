// @ts-check
import { newClientId } from "../protocol/client-id.js";
import { Connection } from "../protocol/connection.js";
import { Drafts } from "../protocol/drafts.js";
import { Outbox } from "../protocol/outbox.js";
import { systemTimers } from "../protocol/timers.js";
import { Hints } from "./hints.js";
import { Identity } from "./identity.js";
import { OpenRooms } from "./open-rooms.js";
import { Reading } from "./reading.js";
import { RoomList } from "./room-list.js";
import { GENERAL } from "./rooms.js";
import { Store } from "./store.js";
import { Surroundings } from "./surroundings.js";

/** Rooms of two that are listened to: a session has 128 subscriptions. */
const DIRECT_MAX = 50;

/**
 * The chat as the page sees it: who we are, how the line is, which rooms there are, and the
 * room that is open.
 *
 * @typedef {import("../protocol/connection.js").Status} Status
 * @typedef {import("../protocol/vocabulary.js").RoomEvent} RoomEvent
 * @typedef {import("./conversation.js").Conversation} Conversation
 */
export class Chat {
  /** @type {Store<Status>} */
  status = new Store(/** @type {Status} */ ({ phase: "idle" }));
  /** @type {Store<Conversation | null>} */
  current = new Store(/** @type {Conversation | null} */ (null));
  /** Longest text in bytes of UTF-8, as the server announced. */
  textBytesMax = Infinity;
  /** Called with each message of others as it comes. @type {(event: RoomEvent) => void} */
  onMessage = () => {};
  #timers;
  #connection;
  #outbox;
  #open = new OpenRooms();
  #onlineSince = Infinity;
  /** @type {string | undefined} */
  #me;

  /**
   * @param {{ url: string, storage: Storage, timers?: import("../protocol/timers.js").Timers }} options
   */
  constructor({ url, storage, timers = systemTimers }) {
    this.#timers = timers;
    this.identity = new Identity({ storage });
    this.#connection = new Connection({
      url,
      timers,
      token: (why) => this.identity.token(why),
      onStatus: (status) => this.#lineChanged(status),
      onWelcome: ({ limits }) => (this.textBytesMax = limits?.text_bytes_max ?? Infinity),
      onHint: ({ pub }) => hints.take(pub?.data),
    });
    this.rooms = new RoomList((method, data) => this.#connection.rpc(method, data), timers);
    const { rooms, identity } = this;
    const hints = new Hints({ rooms, identity, timers, look: () => this.refreshRooms() });
    this.reading = new Reading(this.current, this.rooms);
    this.surroundings = new Surroundings(this.current, this.#connection, timers);
    this.#outbox = new Outbox({
      drafts: new Drafts(storage),
      timers,
      send: ({ room, client_id, text }) =>
        this.#connection.rpc("message.send", { room, client_id, text }),
      onChange: (draft) => this.#open.get(draft.room)?.putEcho(draft),
      onAck: (draft, { id }) => this.#open.acknowledged(draft, id, draft.written_at < this.#onlineSince),
    });
    this.identity.user.watch((user) => this.#becameUser(user?.id));
  }

  /** Connects, or comes back at once instead of waiting. */
  connect() {
    if (this.#me) this.#connection.start();
  }

  /** @param {string} room */
  open(room) {
    if (!this.identity.user.value || this.current.value?.room === room) return;
    this.reading.setAtEnd(false);
    this.current.set(this.#listen(room));
    this.rooms.clearUnread(room);
    this.#fetchUnlisted(room);
  }

  /** @param {string} text */
  send(text) {
    const [room, author] = [this.current.value?.room, this.#me];
    if (!room || !author) return;
    const written_at = this.#timers.now();
    const client_id = newClientId(written_at);
    this.surroundings.sent();
    this.#outbox.add({ client_id, room, author, text, written_at, state: "pending" });
  }

  /** @param {string} clientId */
  retry(clientId) {
    if (this.#me) this.#outbox.retry(clientId, this.#me);
  }

  /** @param {string} clientId */
  discard(clientId) {
    this.#outbox.remove(clientId);
    this.current.value?.dropEcho(clientId);
  }

  /** @param {string} room */
  async join(room) {
    await this.rooms.join(room);
    // Whoever was removed reads on from the join.
    if (this.#open.get(room)?.view.value.problem) this.#reopen(room);
  }

  /** @param {string} room */
  async leave(room) {
    await this.rooms.leave(room);
    this.#open.close(room);
    if (this.current.value?.room === room) this.open(GENERAL);
  }

  /** A list that can't be had now is asked for again with the next connect. */
  async refreshRooms() {
    await this.rooms.refresh().catch(() => {});
    // What somebody says to oneself alone is heard wherever one is.
    for (const { id } of this.rooms.direct.slice(0, DIRECT_MAX)) this.#listen(id);
    this.reading.go();
  }

  /** @param {boolean} visible whether somebody may be looking */
  setVisible(visible) {
    this.reading.setVisible(visible);
    if (visible) this.refreshRooms();
  }

  /** @param {string} room is read from now on, whether it is shown or not */
  #listen(room) {
    const me = this.identity.user.value;
    if (!me) return null;
    const onSeen = (/** @type {RoomEvent} */ event) => this.#seen(event);
    const onLive = (/** @type {RoomEvent} */ event) => this.#happened(event);
    const context = { connection: this.#connection, timers: this.#timers, me, onSeen, onLive };
    return this.#open.open(room, context, this.#outbox.of(room));
  }

  /** @param {Status} status */
  #lineChanged(status) {
    const online = status.phase === "online";
    this.#onlineSince = online ? this.#timers.now() : Infinity;
    this.status.set(status);
    if (!online) this.#open.lost();
    if (!online || !this.#me) return this.#outbox.pause();
    this.#outbox.resume(this.#me);
    this.refreshRooms();
    if (this.current.value) this.#fetchUnlisted(this.current.value.room);
  }

  /** @param {string} room */
  #fetchUnlisted(room) {
    // Where this is refused the subscription is too, and that says why.
    if (!this.rooms.find(room)) this.rooms.fetch(room).catch(() => {});
  }

  /** @param {string} room */
  #reopen(room) {
    this.#open.close(room);
    if (this.current.value?.room !== room) return;
    this.current.set(null);
    this.open(room);
  }

  /** @param {RoomEvent} event */
  #seen(event) {
    if (event.client_id && event.user?.id === this.#me) this.#outbox.remove(event.client_id);
  }

  /** @param {RoomEvent} event */
  #happened(event) {
    this.rooms.apply(event);
    if (event.type !== "message.created" || event.user?.id === this.#me) return;
    if (!this.reading.isAt(event.room)) this.rooms.countUnread(event.room, event.offset);
    this.onMessage(event);
  }

  /**
   * Another user sees other rooms and other echoes: what the last one had open is closed.
   *
   * @param {string | undefined} id
   */
  #becameUser(id) {
    if (id === this.#me) return;
    this.#me = id;
    const room = this.current.value?.room;
    this.#open.closeAll();
    this.rooms.marks.forget();
    this.current.set(null);
    if (room) this.open(room);
  }
}
