import assert from "node:assert/strict";
import { test } from "node:test";
import { Identity } from "../../../static/state/identity.js";
import { FakeStorage } from "./fake-storage.js";

const DAY = 86_400_000;

/** A server that grants tokens and refuses those that it no longer knows. */
function newServer() {
  const server = { calls: [], known: true, now: 0, guests: 0 };
  server.fetch = async (path, { headers, body }) => {
    server.calls.push(path);
    const expires_at = server.now + 10 * DAY;
    if (path === "/api/guests") {
      const user = { id: `u${++server.guests}`, name: JSON.parse(body).name, guest: true };
      return answer(201, { token: `t${server.calls.length}`, expires_at, user });
    }
    if (!server.known) return answer(401, { code: "unauthorized", detail: "give a valid token" });
    assert.match(headers.authorization, /^Bearer t/);
    return answer(200, { token: `t${server.calls.length}`, expires_at });
  };
  return server;
}

function answer(status, body) {
  return { status, ok: status < 300, json: async () => body };
}

function identityOf(server, storage = new FakeStorage()) {
  return new Identity({ storage, fetch: server.fetch, now: () => server.now });
}

test("a guest is remembered over a reload", async () => {
  const [server, storage] = [newServer(), new FakeStorage()];
  await identityOf(server, storage).enter("Ana");
  const again = identityOf(server, storage);
  assert.equal(again.user.value.name, "Ana");
  assert.equal(await again.token("connect"), "t1");
});

test("an old token is exchanged before it expires, for the same user", async () => {
  const server = newServer();
  const identity = identityOf(server);
  await identity.enter("Ana");
  server.now = 8 * DAY;
  assert.equal(await identity.token("connect"), "t2");
  assert.equal(identity.user.value.id, "u1");
});

test("a refused token is exchanged, or its bearer comes in anew under the same name", async () => {
  const server = newServer();
  const identity = identityOf(server);
  await identity.enter("Ana");
  assert.equal(await identity.token("refused"), "t2");
  server.known = false;
  assert.equal(await identity.token("refused"), "t4");
  assert.deepEqual(identity.user.value, { id: "u2", name: "Ana", guest: true });
});

test("a token that can't be refreshed leaves the guest who they are", async () => {
  const server = newServer();
  const identity = identityOf(server);
  await identity.enter("Ana");
  server.known = false;
  await assert.rejects(identity.token("refresh"), { label: "unauthorized" });
  assert.equal(identity.user.value.id, "u1");
});

test("nonsense in the storage is nobody", async () => {
  const storage = new FakeStorage();
  storage.setItem("chat.identity", "{");
  const identity = identityOf(newServer(), storage);
  assert.equal(identity.user.value, null);
  await assert.rejects(identity.token("connect"), { label: "no_identity" });
});
