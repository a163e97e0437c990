import assert from "node:assert/strict";
import { test } from "node:test";
import { Connection } from "../../../static/protocol/connection.js";
import { FakeClock, settled } from "./fake-clock.js";
import { FakeServer } from "./fake-socket.js";

function newConnection() {
  const clock = new FakeClock();
  const server = new FakeServer();
  const statuses = [];
  const asked = [];
  const connection = new Connection({
    url: "ws://test",
    timers: clock,
    openSocket: server.open,
    token: async (why) => {
      asked.push(why);
      return `token-${asked.length}`;
    },
    onStatus: (status) => statuses.push(status),
  });
  return { clock, server, statuses, asked, connection, phase: () => statuses.at(-1)?.phase };
}

function reader() {
  const notes = { offsets: [], live: [], said: [], out: [] };
  return {
    notes,
    live: (start) => notes.live.push(start.restarted),
    events: (events) => notes.offsets.push(...events.map(({ offset }) => offset)),
    said: ({ type }) => notes.said.push(type),
    out: (error) => notes.out.push(error),
  };
}

const publication = (offset) => ({ data: { type: "message.created", room: "a", offset }, offset });
const push = (offset) => ({ push: { channel: "room:a", pub: publication(offset) } });

async function opened(server, connection) {
  connection.start();
  await settled();
  server.socket.accept();
  await settled();
}

/** Connected, and reading one room up to offset 5. */
async function online() {
  const all = newConnection();
  const room = reader();
  all.connection.subscribe("room:a", room);
  await opened(all.server, all.connection);
  all.server.socket.answer("connect", { client: "c", ping: 25, pong: true });
  all.server.socket.answer("subscribe", { epoch: "e", offset: 5 });
  return { ...all, room };
}

/** The socket that comes after the present one is lost. */
async function cameBack({ clock, server }) {
  const before = server.sockets.length;
  await clock.pass(1_000);
  assert.equal(server.sockets.length, before + 1);
  server.socket.accept();
  await settled();
}

test("connect and every subscribe leave in one frame", async () => {
  const { server, connection } = newConnection();
  connection.subscribe("room:a", reader());
  connection.subscribe("room:b", reader());
  await opened(server, connection);
  assert.equal(server.socket.frames.length, 1);
  const [connect, ...subscribes] = server.socket.commands;
  assert.equal(connect.connect.token, "token-1");
  assert.deepEqual(subscribes.map(({ subscribe }) => subscribe.channel), ["room:a", "room:b"]);
});

test("publications in the frame of the subscribe reply are not lost", async () => {
  const all = newConnection();
  const room = reader();
  all.connection.subscribe("room:a", room);
  await opened(all.server, all.connection);
  const { id } = all.server.socket.last("subscribe");
  all.server.socket.say({ id, subscribe: { epoch: "e", offset: 5 } }, push(6), push(7));
  assert.deepEqual(room.notes.offsets, [6, 7]);
});

test("a ping is answered by an empty object", async () => {
  const { server } = await online();
  server.socket.say({});
  assert.equal(server.socket.frames.at(-1), "{}");
});

test("silence for ten seconds longer than announced is a lost line", async () => {
  const { server, clock, phase } = await online();
  await clock.pass(30_000);
  server.socket.say({});
  await clock.pass(34_999);
  assert.equal(phase(), "online");
  await clock.pass(1);
  assert.equal(phase(), "waiting");
});

test("a dropped line comes back and resumes each room where it was", async () => {
  const all = await online();
  all.server.socket.say(push(6));
  all.server.socket.drop();
  assert.equal(all.phase(), "waiting");
  await cameBack(all);
  const { recover, offset, epoch } = all.server.socket.last("subscribe").subscribe;
  assert.deepEqual({ recover, offset, epoch }, { recover: true, offset: 6, epoch: "e" });
  all.server.socket.answer("connect", { client: "c2" });
  const publications = [publication(7)];
  all.server.socket.answer("subscribe", { epoch: "e", offset: 6, recovered: true, publications });
  assert.equal(all.phase(), "online");
  assert.deepEqual(all.room.notes.offsets, [6, 7]);
});

test("a terminal close is left alone until somebody asks", async () => {
  const { server, clock, phase, connection, statuses } = await online();
  server.socket.drop(3503, "disconnected by the server");
  await clock.pass(120_000);
  assert.equal(phase(), "stopped");
  assert.equal(statuses.at(-1).reason, "disconnected by the server");
  assert.equal(server.sockets.length, 1);
  connection.start();
  await settled();
  assert.equal(server.sockets.length, 2);
});

test("a disconnect push counts like a close", async () => {
  const { server, phase } = await online();
  server.socket.say({ push: { disconnect: { code: 3001, reason: "shutting down" } } });
  assert.equal(phase(), "waiting");
});

test("a refused token is exchanged once, and a second refusal is final", async () => {
  const all = newConnection();
  await opened(all.server, all.connection);
  const refusal = { code: 109, message: "token_expired: get a fresh token" };
  all.server.socket.refuse("connect", refusal);
  await cameBack(all);
  assert.deepEqual(all.asked, ["connect", "refused"]);
  all.server.socket.drop(3500, "invalid token");
  assert.equal(all.phase(), "stopped");
});

test("a connect that nobody answers is tried again", async () => {
  const { server, connection, clock, phase } = newConnection();
  connection.start();
  await settled();
  await clock.pass(10_000);
  assert.equal(phase(), "waiting");
  await clock.pass(1_000);
  assert.equal(server.sockets.length, 2);
});

test("a token that can't be had now is asked for again", async () => {
  const clock = new FakeClock();
  const statuses = [];
  let failures = 2;
  const server = new FakeServer();
  const connection = new Connection({
    url: "ws://test",
    timers: clock,
    openSocket: server.open,
    token: async () => {
      if (failures-- > 0) throw new TypeError("fetch failed");
      return "token";
    },
    onStatus: ({ phase }) => statuses.push(phase),
  });
  connection.start();
  await clock.pass(3_000);
  assert.equal(server.sockets.length, 1);
  assert.deepEqual(statuses, ["connecting", "waiting", "connecting", "waiting", "connecting"]);
});

test("calls are answered by id, refused by name, and fail with the line", async () => {
  const { server, connection } = await online();
  const good = connection.rpc("room.get", { room: "a" });
  const bad = connection.rpc("room.get", { room: "b" });
  const lost = connection.rpc("room.get", { room: "c" });
  await settled();
  const ids = server.socket.commands.filter(({ rpc }) => rpc).map(({ id }) => id);
  server.socket.say({ id: ids[1], error: { code: 401, message: "room_not_found: there is no room of this id" } });
  server.socket.say({ id: ids[0], rpc: { data: { id: "a" } } });
  server.socket.drop();
  assert.deepEqual(await good, { id: "a" });
  await assert.rejects(bad, { label: "room_not_found", message: "There is no room of this id." });
  await assert.rejects(lost, { label: "disconnected", temporary: true });
  await assert.rejects(connection.rpc("room.list", {}), { label: "disconnected" });
});

test("a call that nobody answers times out", async () => {
  const { connection, clock } = await online();
  const call = assert.rejects(connection.rpc("room.list", {}), { label: "timeout", temporary: true });
  await clock.pass(5_000);
  await call;
});

test("2500 resubscribes with the position after a pause", async () => {
  const { server, clock, room } = await online();
  server.socket.say(push(6), { push: { channel: "room:a", unsubscribe: { code: 2500, reason: "insufficient state" } } });
  await clock.pass(1_000);
  assert.equal(server.socket.last("subscribe").subscribe.offset, 6);
  server.socket.answer("subscribe", { epoch: "e", offset: 6, recovered: true, publications: [publication(7)] });
  assert.deepEqual(room.notes.offsets, [6, 7]);
});

test("a hole ends the subscription before it is begun again", async () => {
  const { server, clock, room } = await online();
  server.socket.say(push(6), push(8));
  await clock.pass(1_000);
  const names = server.socket.commands.slice(2).map((command) => Object.keys(command)[1]);
  assert.deepEqual(names, ["unsubscribe", "subscribe"]);
  assert.deepEqual(room.notes.offsets, [6]);
});

test("2100 is final: the room is not subscribed again with the next connect", async () => {
  const all = await online();
  all.server.socket.say({ push: { channel: "room:a", unsubscribe: { code: 2100, reason: "no longer a member" } } });
  assert.equal(all.room.notes.out.length, 1);
  all.server.socket.drop();
  await cameBack(all);
  assert.equal(all.server.socket.last("subscribe"), undefined);
});

test("a room that is left is unsubscribed and heard of no more", async () => {
  const { server, connection, room } = await online();
  connection.unsubscribe("room:a");
  await settled();
  assert.deepEqual(server.socket.last("unsubscribe").unsubscribe, { channel: "room:a" });
  server.socket.say(push(6));
  assert.deepEqual(room.notes.offsets, []);
});

test("a token that expires is exchanged on the open line", async () => {
  const { server, connection, clock, asked } = newConnection();
  await opened(server, connection);
  server.socket.answer("connect", { client: "c", expires: true, ttl: 100 });
  await clock.pass(80_000);
  assert.deepEqual(asked, ["connect", "refresh"]);
  assert.deepEqual(server.socket.last("refresh").refresh, { token: "token-2" });
});

test("a token that lives longer than a timer can wait is not exchanged at once", async () => {
  const { server, connection, clock, asked } = newConnection();
  await opened(server, connection);
  server.socket.answer("connect", { client: "c", expires: true, ttl: 365 * 86_400 });
  await clock.pass(1_000);
  assert.deepEqual(asked, ["connect"]);
});
