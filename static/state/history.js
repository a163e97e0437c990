// @ts-check
/** Events per request when reading upwards. */
const PAGE = 50;
/** How much the server gives at once. */
const PAGE_MAX = 200;

/**
 * What can be asked of a room's history.
 *
 * @typedef {import("../protocol/vocabulary.js").HistoryPage} HistoryPage
 */
export class History {
  #room;
  #connection;

  /**
   * @param {string} room
   * @param {import("../protocol/connection.js").Connection} connection
   */
  constructor(room, connection) {
    this.#room = room;
    this.#connection = connection;
  }

  newest() {
    return this.#page({ limit: PAGE });
  }

  /**
   * @param {number} before
   * @param {string} epoch refused with `unrecoverable_position` where the room's is another
   */
  older(before, epoch) {
    return this.#page({ before, limit: PAGE, epoch });
  }

  /**
   * @param {{ after: number, before: number }} hole both exclusive
   * @param {string} epoch
   */
  between({ after, before }, epoch) {
    return this.#page({ after, limit: Math.min(PAGE_MAX, before - after - 1), epoch });
  }

  /**
   * @param {string} id of a message
   * @returns {Promise<number | undefined>} its offset
   */
  async placeOf(id) {
    const page = await this.#page({ around: id, limit: 1 });
    return page.events.find((event) => event.id === id)?.offset;
  }

  /**
   * @param {object} query
   * @returns {Promise<HistoryPage>}
   */
  #page(query) {
    return this.#connection.rpc("history.page", { room: this.#room, ...query });
  }
}
