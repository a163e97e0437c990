// @ts-check
import { newClientId } from "../protocol/client-id.js";
import { ReadMarks } from "./read-marks.js";
import { afterEvent, sorted, withRoom } from "./rooms.js";
import { Store } from "./store.js";

/** Rooms per request, and how many requests at most: more rooms than that nobody scrolls. */
const PAGE = 100;
const PAGES_MAX = 10;

/**
 * The rooms one may see, with what was said in them meanwhile.
 *
 * @typedef {import("../protocol/vocabulary.js").RoomInfo} RoomInfo
 * @typedef {import("../protocol/vocabulary.js").RoomEvent} RoomEvent
 * @typedef {(method: string, data: object) => Promise<any>} Rpc
 *
 * @typedef {object} View
 * @property {readonly RoomInfo[]} rooms
 * @property {Readonly<Record<string, number>>} unread messages by room: as the server counts them,
 *   and what came since
 */
export class RoomList {
  /** @type {Store<View>} */
  view = new Store({ rooms: /** @type {readonly RoomInfo[]} */ ([]), unread: {} });
  #rpc;
  /** The write that a repeated attempt to create the same room must be. */
  #creation = { client_id: "", name: "", topic: "" };


  /**
   * @param {Rpc} rpc
   * @param {import("../protocol/timers.js").Timers} timers
   */
  constructor(rpc, timers) {
    this.#rpc = rpc;
    this.marks = new ReadMarks(rpc, timers);
  }

  /** @param {string} id */
  find(id) {
    return this.view.value.rooms.find((room) => room.id === id);
  }

  /** The rooms of oneself and somebody else. */
  get direct() {
    return this.view.value.rooms.filter(({ kind }) => kind === "direct");
  }

  /** Asks for the whole list anew. */
  async refresh() {
    /** @type {RoomInfo[]} */
    const rooms = [];
    /** @type {string | undefined} */
    let cursor;
    for (let pages = 0; pages < PAGES_MAX; pages++) {
      /** @type {{ items: RoomInfo[], next?: string }} */
      const page = await this.#rpc("room.list", { limit: PAGE, cursor });
      rooms.push(...page.items);
      cursor = page.next;
      if (cursor === undefined) break;
    }
    const unique = new Map(rooms.map((room) => [room.id, room]));
    const unread = this.#unreadOf([...unique.values()]);
    this.view.patch({ rooms: sorted([...unique.values()]), unread });
  }

  /**
   * @param {string} name
   * @param {string} topic
   * @returns {Promise<RoomInfo>}
   */
  async create(name, topic) {
    // Pressing the button again after a lost answer must not make a second room.
    if (name !== this.#creation.name || topic !== this.#creation.topic) {
      this.#creation = { client_id: newClientId(), name, topic };
    }
    const room = this.#put(await this.#rpc("room.create", { ...this.#creation, kind: "public" }));
    this.#creation = { client_id: "", name: "", topic: "" };
    return room;
  }

  /**
   * The room of oneself and somebody else alone.
   *
   * @param {string} other their id
   * @returns {Promise<RoomInfo>}
   */
  async begin(other) {
    return this.#put(await this.#rpc("room.create", { kind: "direct", members: [other] }));
  }

  /**
   * @param {string} room
   * @param {string} [cursor] where the last part of the list ended
   * @returns {Promise<{ items: import("../protocol/vocabulary.js").Member[], next?: string }>}
   */
  async members(room, cursor) {
    return this.#rpc("room.members", { room, cursor });
  }

  /** @param {string} room */
  async join(room) {
    return this.#put(await this.#rpc("room.join", { room }));
  }

  /** @param {string} room */
  async leave(room) {
    await this.#rpc("room.leave", { room });
    await this.refresh();
  }

  /**
   * A room that is opened by its address may be missing from the list.
   *
   * @param {string} room
   */
  async fetch(room) {
    return this.#put(await this.#rpc("room.get", { room }));
  }

  /** @param {RoomEvent} event */
  apply(event) {
    const rooms = afterEvent(this.view.value.rooms, event);
    if (rooms !== this.view.value.rooms) this.view.patch({ rooms });
  }

  /**
   * @param {string} room
   * @param {number} [offset] of the message; the list may have been counted with it
   */
  countUnread(room, offset = Infinity) {
    const { unread } = this.view.value;
    if (offset <= (this.find(room)?.head ?? 0)) return;
    this.view.patch({ unread: { ...unread, [room]: (unread[room] ?? 0) + 1 } });
  }

  /** @param {string} room */
  clearUnread(room) {
    const { [room]: count, ...unread } = this.view.value.unread;
    if (count) this.view.patch({ unread });
  }

  /**
   * It was read on another page or device; what was read here is known better here.
   *
   * @param {string} room
   * @param {number} offset up to where
   * @param {number} count messages after that
   */
  readElsewhere(room, offset, count) {
    if (!this.marks.heard(room, offset)) return;
    const { [room]: _, ...unread } = this.view.value.unread;
    this.view.patch({ unread: count > 0 ? { ...unread, [room]: count } : unread });
  }

  /**
   * The server may not know yet what was read just now; of rooms that one isn't in it counts nothing.
   *
   * @param {RoomInfo[]} rooms
   */
  #unreadOf(rooms) {
    /** @type {Record<string, number>} */
    const unread = {};
    for (const { id, head, unread: count = this.view.value.unread[id] ?? 0 } of rooms) {
      if (count > 0 && this.marks.of(id) < head) unread[id] = count;
    }
    return unread;
  }

  /** @param {RoomInfo} room */
  #put(room) {
    this.view.patch({ rooms: withRoom(this.view.value.rooms, room) });
    return room;
  }
}
