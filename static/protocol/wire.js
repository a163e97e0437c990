// @ts-check
import { EMPTY, decodeFrame, encodeFrame, isPing } from "./codec.js";
import { Heartbeat } from "./heartbeat.js";
import { Replies } from "./replies.js";

/** Servers answer within 4 s, or say why not. */
const REPLY_MS = 5_000;

const OPEN = 1;

/**
 * One socket, from opening to hanging up: commands out, replies and pushes in. It never comes
 * back; that is the connection's business.
 *
 * @typedef {object} WireOptions
 * @property {string} url
 * @property {import("./timers.js").Timers} timers
 * @property {(url: string) => WebSocket} openSocket
 * @property {() => void} onOpen
 * @property {(push: import("./vocabulary.js").Push) => void} onPush
 * @property {(code: number, reason: string) => void} onClose the other side ended it
 * @property {() => void} onSilence
 */
export class Wire {
  #options;
  #replies;
  #heartbeat;
  #socket;
  #answersPings = false;
  /** @type {object[]} */
  #outgoing = [];

  /** @param {WireOptions} options */
  constructor(options) {
    this.#options = options;
    this.#replies = new Replies(options.timers);
    this.#heartbeat = new Heartbeat(options.timers, options.onSilence);
    this.#socket = options.openSocket(options.url);
    this.#socket.onopen = options.onOpen;
    this.#socket.onmessage = ({ data }) => this.#receive(String(data));
    this.#socket.onclose = ({ code, reason }) => options.onClose(code, reason);
  }

  /** @param {import("./vocabulary.js").ConnectResult} terms what the server announced */
  agree({ ping, pong }) {
    this.#answersPings = pong === true;
    this.#heartbeat.start(ping);
  }

  /**
   * Commands of one turn leave in one frame.
   *
   * @param {object} body
   * @param {import("./replies.js").Done} done
   * @returns {boolean} false: the socket isn't open, and `done` is not called
   */
  command(body, done) {
    if (this.#socket.readyState !== OPEN) return false;
    if (this.#outgoing.length === 0) queueMicrotask(() => this.#flush());
    this.#outgoing.push({ id: this.#replies.expect(REPLY_MS, done), ...body });
    return true;
  }

  /** Ends it from our side; every command still on its way fails. */
  hangUp() {
    this.#heartbeat.stop();
    this.#outgoing = [];
    this.#socket.onopen = this.#socket.onmessage = this.#socket.onclose = null;
    this.#socket.close();
    this.#replies.failAll();
  }

  #flush() {
    const commands = this.#outgoing;
    this.#outgoing = [];
    if (commands.length > 0 && this.#socket.readyState === OPEN) {
      this.#socket.send(encodeFrame(commands));
    }
  }

  /** @param {string} frame */
  #receive(frame) {
    this.#heartbeat.heard();
    for (const reply of decodeFrame(frame)) {
      if (this.#socket.onmessage === null) return;
      if (isPing(reply)) this.#pong();
      else if (reply.id !== undefined) this.#replies.settle(reply);
      else if (reply.push?.disconnect) this.#dismissed(reply.push.disconnect);
      else if (reply.push) this.#options.onPush(reply.push);
    }
  }

  #pong() {
    if (this.#answersPings && this.#socket.readyState === OPEN) this.#socket.send(EMPTY);
  }

  /** @param {{ code: number, reason?: string }} disconnect */
  #dismissed({ code, reason }) {
    this.#options.onClose(code, reason ?? "");
  }
}
