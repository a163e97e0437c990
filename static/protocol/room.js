// @ts-check
import { ERROR_CODES, unsubscribeIsTerminal } from "./codes.js";
import { ChatError } from "./chat-error.js";

/** Centrifuge servers may say that a position is worth nothing any more; ours never does. */
const STATE_INVALIDATED = 2502;

/**
 * One room's subscription: where we are in its log, and how to go on from there. Pure: it sends
 * nothing and keeps no time.
 *
 * @typedef {import("./vocabulary.js").RoomEvent} RoomEvent
 * @typedef {import("./vocabulary.js").Publication} Publication
 * @typedef {import("./vocabulary.js").SubscribeResult} SubscribeResult
 *
 * @typedef {object} Reader what is told about the room
 * @property {(start: { restarted: boolean, epoch: string }) => void} live subscribed; `restarted`
 *   means that what was read before doesn't connect to what comes now
 * @property {(events: RoomEvent[]) => void} events in order, none twice, none left out
 * @property {(event: RoomEvent) => void} said what is kept nowhere and has no place
 * @property {(error: ChatError) => void} out no more events will come
 *
 * @typedef {"idle" | "subscribing" | "live" | "out"} State
 * @typedef {"ok" | "again" | "out"} Verdict `again`: subscribe again, from the position
 */
export class Room {
  /** @type {State} */
  state = "idle";
  /** @type {{ offset: number, epoch: string } | null} */
  #position = null;
  #reader;

  /**
   * @param {string} channel
   * @param {Reader} reader
   */
  constructor(channel, reader) {
    this.channel = channel;
    this.#reader = reader;
  }

  /** The body of the next subscribe command. */
  request() {
    this.state = "subscribing";
    const fresh = { channel: this.channel, recoverable: true };
    return this.#position ? { ...fresh, recover: true, ...this.#position } : fresh;
  }

  /**
   * @param {SubscribeResult} result
   * @returns {Verdict}
   */
  accepted(result) {
    const resumed = this.#position !== null && result.recovered === true;
    const epoch = result.epoch ?? "";
    this.#position = {
      epoch,
      offset: resumed && this.#position ? this.#position.offset : (result.offset ?? 0),
    };
    this.state = "live";
    this.#reader.live({ restarted: !resumed, epoch });
    return resumed ? this.#apply(result.publications ?? []) : "ok";
  }

  /**
   * @param {Publication} publication
   * @returns {Verdict}
   */
  published(publication) {
    // What still arrives from an earlier subscription comes again with the resume.
    return this.state === "live" ? this.#apply([publication]) : "ok";
  }

  /**
   * @param {ChatError} error in answer to a subscribe
   * @returns {Verdict}
   */
  refused(error) {
    if (error.temporary || error.code < 100 || error.code === ERROR_CODES.token_expired) {
      this.state = "idle";
      return "again";
    }
    return this.#leave(error);
  }

  /**
   * @param {{ code?: number, reason?: string }} push
   * @returns {Verdict}
   */
  unsubscribed({ code, reason }) {
    if (unsubscribeIsTerminal(code)) {
      return this.#leave(new ChatError(code ?? 0, "unsubscribed", reason ?? "Removed.", false));
    }
    if (code === STATE_INVALIDATED) this.#position = null;
    this.state = "idle";
    return "again";
  }

  /** The socket is gone; the position stays. */
  lost() {
    if (this.state !== "out") this.state = "idle";
  }

  /**
   * @param {Publication[]} publications
   * @returns {Verdict}
   */
  #apply(publications) {
    /** @type {RoomEvent[]} */
    const events = [];
    let verdict = /** @type {Verdict} */ ("ok");
    for (const publication of publications) {
      const offset = publication.offset ?? 0;
      if (offset === 0) {
        this.#reader.said(publication.data);
        continue;
      }
      const at = this.#position?.offset ?? 0;
      if (offset > at + 1) {
        // A hole is never read over: going back to the last good place closes it.
        this.state = "idle";
        verdict = "again";
        break;
      }
      if (offset <= at) continue;
      if (this.#position) this.#position.offset = offset;
      events.push(publication.data);
    }
    if (events.length > 0) this.#reader.events(events);
    return verdict;
  }

  /**
   * @param {ChatError} error
   * @returns {Verdict}
   */
  #leave(error) {
    this.state = "out";
    this.#position = null;
    this.#reader.out(error);
    return "out";
  }
}
