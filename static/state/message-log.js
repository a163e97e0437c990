// @ts-check
/**
 * One room as far as it is known here: events by place, then what is written and has no place
 * yet. Pure: the server decides every order, this only keeps it.
 *
 * @typedef {import("../protocol/vocabulary.js").RoomEvent} RoomEvent
 * @typedef {RoomEvent & { offset: number }} Placed an event with its place
 *
 * @typedef {object} Echo a message shown before the room's log has it
 * @property {string} client_id
 * @property {string} text
 * @property {number} written_at ms since the Unix epoch
 * @property {"pending" | "sent" | "failed"} state `sent`: acknowledged, its place still to come
 * @property {string} [reason]
 */
export class MessageLog {
  /** @type {Placed[]} ascending */
  #events = [];
  /** @type {Map<string, Echo>} in the order of writing */
  #echoes = new Map();
  /** Offset to read older events from; undefined at the beginning of the room. @type {number | undefined} */
  prev;

  /** @param {string} me the user whose echoes these are */
  constructor(me) {
    this.me = me;
  }

  /** @returns {readonly Placed[]} */
  get events() {
    return this.#events;
  }

  /** @returns {Echo[]} */
  get echoes() {
    return [...this.#echoes.values()];
  }

  /** Forgets every place, as another log has begun; what is on its way stays. */
  restart() {
    this.#events = [];
    this.prev = undefined;
  }

  /**
   * The newest page, or one that goes on upwards from `prev`.
   *
   * @param {import("../protocol/vocabulary.js").HistoryPage} page
   */
  addPage(page) {
    const oldest = this.#events[0]?.offset;
    const reachesUp = oldest === undefined || (page.events[0]?.offset ?? Infinity) <= oldest;
    for (const event of page.events) this.add(event);
    if (reachesUp || page.events.length === 0) this.prev = page.prev;
  }

  /**
   * @param {RoomEvent} event
   * @returns {boolean} whether it is new; without a place it is none of this log's business
   */
  add(event) {
    if (event.offset === undefined) return false;
    const placed = /** @type {Placed} */ (event);
    const at = this.#indexAfter(placed.offset);
    if (this.#events[at - 1]?.offset === placed.offset) return false;
    this.#events.splice(at, 0, placed);
    if (this.#isMine(placed)) this.#echoes.delete(placed.client_id ?? "");
    return true;
  }

  /**
   * The first hole between two known events, so that it can be asked for.
   *
   * @returns {{ after: number, before: number } | null}
   */
  hole() {
    for (let at = 1; at < this.#events.length; at++) {
      const [one, two] = [this.#events[at - 1].offset, this.#events[at].offset];
      if (two !== one + 1) return { after: one, before: two };
    }
    return null;
  }

  /** @param {Echo} echo shown until its event comes; not at all if that is here already */
  putEcho(echo) {
    const known = this.#events.some(
      (event) => this.#isMine(event) && event.client_id === echo.client_id,
    );
    if (!known) this.#echoes.set(echo.client_id, echo);
  }

  /** @param {string} clientId */
  dropEcho(clientId) {
    this.#echoes.delete(clientId);
  }

  /**
   * Forgets the oldest events, so that a room that is open for days stays light.
   *
   * @param {number} keep how many stay
   */
  trim(keep) {
    if (this.#events.length <= keep) return;
    this.#events = this.#events.slice(-keep);
    this.prev = this.#events[0].offset;
  }

  /**
   * @param {number} offset
   * @returns {number} index of the first event after that place
   */
  #indexAfter(offset) {
    // Nearly everything comes at the end, so that is where the search starts.
    let at = this.#events.length;
    while (at > 0 && this.#events[at - 1].offset > offset) at--;
    return at;
  }

  /** @param {Placed} event */
  #isMine(event) {
    return event.type === "message.created" && event.user?.id === this.me;
  }
}
