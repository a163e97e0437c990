import { once } from "node:events";
import { createServer, request } from "node:http";
import { connect } from "node:net";

/** Somebody's web server: one page of theirs, and all else is passed on to the chat server behind it. */
export class Front {
  #server;
  #sockets = new Set();

  static async start(chatPort, page) {
    const front = new Front();
    front.#server = createServer((asked, reply) => {
      if (asked.url === "/") {
        reply.setHeader("content-type", "text/html").end(page);
        return;
      }
      const { method, url: path, headers } = asked;
      const onward = request({ host: "127.0.0.1", port: chatPort, method, path, headers }, (answer) => {
        answer.pipe(reply.writeHead(answer.statusCode, answer.headers));
      });
      onward.on("error", () => reply.writeHead(502).end());
      asked.pipe(onward);
    });
    front.#server.on("upgrade", ({ url, rawHeaders }, socket) => {
      const chat = connect(chatPort, "127.0.0.1", () => {
        const lines = rawHeaders.map((it, n) => (n % 2 ? `${it}\r\n` : `${it}: `));
        chat.write(`GET ${url} HTTP/1.1\r\n${lines.join("")}\r\n`);
        chat.pipe(socket).pipe(chat);
      });
      for (const [one, other] of [[chat, socket], [socket, chat]]) {
        one.on("error", () => other.destroy());
        one.on("close", () => other.destroy());
      }
    });
    front.#server.on("connection", (socket) => {
      front.#sockets.add(socket.on("close", () => front.#sockets.delete(socket)));
    });
    front.#server.listen(0, "127.0.0.1");
    await once(front.#server, "listening");
    front.url = `http://127.0.0.1:${front.#server.address().port}/`;
    return front;
  }

  async stop() {
    const closed = once(this.#server.close(), "close");
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}
