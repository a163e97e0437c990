import { decodeFrame, encodeFrame } from "../../../static/protocol/codec.js";

/** The server's end of sockets that a connection opens, in the test's hand. */
export class FakeServer {
  sockets = [];

  open = () => {
    const socket = new FakeSocket();
    this.sockets.push(socket);
    return socket;
  };

  get socket() {
    return this.sockets.at(-1);
  }
}

class FakeSocket {
  readyState = 0;
  frames = [];

  /** The handshake is done. */
  accept() {
    this.readyState = 1;
    this.onopen?.();
  }

  /** The client's side: what it sent. */
  send(frame) {
    this.frames.push(frame);
  }

  close() {
    this.readyState = 3;
  }

  /** Every command so far, pongs included, as objects. */
  get commands() {
    return this.frames.flatMap(decodeFrame);
  }

  /** The newest command that has this field. */
  last(field) {
    return this.commands.filter((command) => command[field] !== undefined).at(-1);
  }

  /** Says these in one frame. */
  say(...replies) {
    this.onmessage?.({ data: encodeFrame(replies) });
  }

  /** Answers the newest command that has this field. */
  answer(field, result) {
    this.say({ id: this.last(field).id, [field]: result });
  }

  refuse(field, error) {
    this.say({ id: this.last(field).id, error });
  }

  drop(code = 1006, reason = "") {
    this.readyState = 3;
    this.onclose?.({ code, reason });
  }
}
