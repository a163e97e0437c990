// @ts-check
import { backoffMs } from "../protocol/backoff.js";
import { asChatError } from "../protocol/chat-error.js";
import { ERROR_CODES } from "../protocol/codes.js";
import { Company } from "./company.js";
import { History } from "./history.js";
import { MessageLog } from "./message-log.js";
import { Store } from "./store.js";
import { timeline } from "./timeline.js";

/** A log that grew past the first number is cut back to the second. */
const KEPT_MAX = 600;
const KEPT_AFTER_TRIM = 300;

/**
 * One room that is being read: subscribes, loads history and keeps the two together.
 *
 * @typedef {import("../protocol/vocabulary.js").RoomEvent} RoomEvent
 *
 * @typedef {object} View
 * @property {import("./timeline.js").Row[]} rows
 * @property {boolean} loaded whether the newest page is here
 * @property {boolean} older whether there is more above
 * @property {boolean} loadingOlder
 * @property {string} [problem] why nothing more comes
 *
 * @typedef {object} Context
 * @property {import("../protocol/connection.js").Connection} connection
 * @property {import("../protocol/timers.js").Timers} timers
 * @property {import("../protocol/vocabulary.js").User} me
 * @property {(event: RoomEvent) => void} onSeen any event, live or from history
 * @property {(event: RoomEvent) => void} onLive an event that happened just now
 */
export class Conversation {
  /** @type {Store<View>} */
  view = new Store(
    /** @type {View} */ ({ rows: [], loaded: false, older: false, loadingOlder: false }),
  );
  #context;
  #history;
  #log;
  #epoch = "";
  /** Counts restarts: a page asked for before one belongs to another log. */
  #turn = 0;
  #tries = 0;

  /**
   * @param {string} room
   * @param {Context} context
   */
  constructor(room, context) {
    this.room = room;
    this.#context = context;
    this.#history = new History(room, context.connection);
    this.#log = new MessageLog(context.me.id);
    this.company = new Company(context.me.id, context.timers);
    context.connection.subscribe(`room:${room}`, {
      live: ({ restarted, epoch }) => this.#live(restarted, epoch),
      events: (events) => this.#arrived(events),
      said: (event) => this.company.said(event),
      out: (error) => this.view.patch({ problem: error.message }),
    });
  }

  /** Offset of the newest event that is here; 0 while there is none. */
  get newest() {
    return this.#log.events.at(-1)?.offset ?? 0;
  }

  close() {
    this.#turn++;
    this.company.lost();
    this.#context.connection.unsubscribe(`room:${this.room}`);
  }

  /** @param {import("./message-log.js").Echo} echo */
  putEcho(echo) {
    this.#log.putEcho(echo);
    this.#show();
  }

  /** @param {string} clientId */
  dropEcho(clientId) {
    this.#log.dropEcho(clientId);
    this.#show();
  }

  /**
   * A message that was sent again after a break may have got its place long ago, above what is
   * loaded: its event will not come, so the echo must not wait for it.
   *
   * @param {string} clientId
   * @param {string} id as in the ack
   */
  async locate(clientId, id) {
    const place = await this.#history.placeOf(id).catch(() => undefined);
    const oldest = this.#log.events[0]?.offset ?? 0;
    if (place !== undefined && place < oldest) this.dropEcho(clientId);
  }

  /** Reads on upwards. */
  async loadOlder() {
    const before = this.#log.prev;
    if (before === undefined || this.view.value.loadingOlder) return;
    this.view.patch({ loadingOlder: true });
    const turn = this.#turn;
    try {
      const page = await this.#history.older(before, this.#epoch);
      if (turn === this.#turn) this.#add(page);
    } catch (thrown) {
      const gone = asChatError(thrown).code === ERROR_CODES.unrecoverable_position;
      if (gone && turn === this.#turn) this.#live(true, "");
    } finally {
      this.view.patch({ loadingOlder: false });
    }
  }

  /** For when the reader is at the newest message, where nothing above is being read. */
  trim() {
    if (this.view.value.loadingOlder || this.#log.events.length <= KEPT_MAX) return;
    this.#log.trim(KEPT_AFTER_TRIM);
    this.#show();
  }

  /**
   * @param {boolean} restarted
   * @param {string} epoch
   */
  #live(restarted, epoch) {
    if (epoch) this.#epoch = epoch;
    if (restarted) {
      this.#turn++;
      this.#log.restart();
      this.view.patch({ loaded: false });
    }
    if (!this.view.value.loaded) this.#loadNewest();
  }

  async #loadNewest() {
    const turn = this.#turn;
    try {
      const page = await this.#history.newest();
      if (turn !== this.#turn) return;
      this.#tries = 0;
      this.#epoch = page.epoch;
      this.#add(page);
      this.view.patch({ loaded: true, problem: undefined });
      await this.#fillHoles(turn);
    } catch (thrown) {
      const error = asChatError(thrown);
      if (turn !== this.#turn || error.isDisconnected) return;
      if (!error.temporary) return this.view.patch({ problem: error.message });
      this.#context.timers.after(backoffMs(this.#tries++), () => {
        if (turn === this.#turn && !this.view.value.loaded) this.#loadNewest();
      });
    }
  }

  /**
   * History may end below the first live event for a moment; what is between is asked for.
   *
   * @param {number} turn
   */
  async #fillHoles(turn) {
    for (let hole = this.#log.hole(); hole; hole = this.#log.hole()) {
      const page = await this.#history.between(hole, this.#epoch);
      if (turn !== this.#turn || page.events.length === 0) return;
      this.#add(page);
    }
  }

  /** @param {import("../protocol/vocabulary.js").HistoryPage} page */
  #add(page) {
    this.#log.addPage(page);
    for (const event of page.events) this.#context.onSeen(event);
    this.#show();
  }

  /** @param {RoomEvent[]} events */
  #arrived(events) {
    const fresh = events.filter((event) => this.#log.add(event));
    if (fresh.length === 0) return;
    this.#show();
    for (const event of fresh) {
      this.company.happened(event);
      this.#context.onSeen(event);
      this.#context.onLive(event);
    }
  }

  #show() {
    const rows = timeline(this.#log.events, this.#log.echoes, this.#context.me);
    this.view.patch({ rows, older: this.#log.prev !== undefined });
  }
}
