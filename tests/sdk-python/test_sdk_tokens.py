"""Tokens of an operator that run out, and what the operator's servers may order."""

import asyncio
import tempfile
import time
import urllib.error
from pathlib import Path

import centrifuge
import jwt

from client import ServerTest, read
from server import DEADLINE_S

KEY = "a secret of the tests, of thirty-two bytes or more"


def sign(user, seconds):
    """A token of `user`, good for `seconds`."""
    now = int(time.time())
    return jwt.encode({"sub": user, "name": user, "iat": now, "exp": now + seconds}, KEY, "HS256")


class Tokens(ServerTest):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        key = Path(folder.name) / "accounts.key"
        key.write_text(f"{KEY}\n")
        cls.options = {
            "CHAT__AUTH__HMAC_SECRET_FILE": str(key),
            "CHAT__AUTH__LEEWAY_S": "0",
            "CHAT__SESSION__EXPIRED_CLOSE_DELAY_S": "1",
        }
        super().setUpClass()

    def tokens(self, first, *later):
        """A client whose `get_token` gives out the later ones in turn, made when it asks; the last for ever."""
        later = list(later)

        async def get_token():
            client.asked += 1
            client.change()
            return (later.pop(0) if len(later) > 1 else later[0])()

        client = self.client(first, get_token if later else None)
        client.asked = 0
        return client

    async def test_a_connection_outlives_its_tokens_without_a_drop(self):
        ada = self.tokens(sign("ada", 2), lambda: sign("ada", 2))
        await ada.sdk.connect()
        feed = await ada.subscribe("general")
        self.assertEqual(read(ada.connected[0].data)["user"], {"id": "ada", "name": "ada", "guest": False})
        # The third is asked for when two have run out, later than the first alone would have been borne.
        await ada.until("several tokens have run out", lambda: ada.asked >= 3)
        ack = await ada.send("general", "still here")
        await feed.has([ack["id"]])
        self.assertEqual((len(ada.connected), len(feed.subscribed), ada.errors), (1, 1, []))
        self.assert_no_hole(feed)

    async def test_without_a_fresh_token_the_connection_ends_and_the_sdk_gives_up(self):
        fay = self.tokens(sign("fay", 1))
        await fay.sdk.connect()
        await fay.until("it is told to come back", lambda: len(fay.connecting) == 2)
        self.assertEqual(fay.connecting[1].code, 3005)
        self.assertEqual(await fay.ended(), 1)  # the SDK's own code: unauthorized
        self.assertEqual(len(fay.connected), 1)

    async def test_who_comes_with_an_expired_token_is_told_109_and_gets_another(self):
        bob = self.tokens(sign("bob", -10), lambda: sign("bob", 600))
        await bob.sdk.connect()
        await bob.sdk.ready(DEADLINE_S)
        self.assertEqual([error.error.code for error in bob.errors], [109])
        self.assertEqual((await bob.rpc("user.me", {}))["id"], "bob")
        self.assertEqual(bob.asked, 1)

    async def test_a_fresh_token_of_another_user_is_refused_for_good(self):
        dot = self.tokens(sign("dot", 1), lambda: sign("eve", 600))
        await dot.sdk.connect()
        self.assertEqual(await dot.ended(), 3500)
        self.assertEqual(len(dot.connected), 1)

    async def test_who_is_disconnected_stays_away_by_themselves_but_may_come_back(self):
        gus = self.tokens(sign("gus", 600), lambda: sign("gus", 600))
        await gus.sdk.connect()
        feed = await gus.subscribe("general")
        await asyncio.to_thread(self.server.order, "/api/disconnect", {"user": "gus"})
        self.assertEqual(await gus.ended(), 3503)
        self.assertEqual(gus.sdk.state, centrifuge.ClientState.DISCONNECTED)
        await gus.sdk.connect()
        await feed.until("it has resumed", lambda: len(feed.subscribed) == 2)
        self.assertTrue(feed.subscribed[1].recovered)
        ack = await gus.send("general", "back")
        await feed.has([ack["id"]])
        self.assert_no_hole(feed)

    async def test_a_revoked_token_ends_its_session_and_is_good_no_longer(self):
        token = sign("hal", 600)
        hal = self.tokens(token)
        await hal.sdk.connect()
        await hal.sdk.ready(DEADLINE_S)
        await asyncio.to_thread(self.server.order, "/api/revoke", {"user": "hal"})
        self.assertEqual(await hal.ended(), 3500)
        again = self.tokens(token)
        await again.sdk.connect()
        self.assertEqual(await again.ended(), 3500)
        self.assertEqual(again.connected, [])

    async def test_nobody_orders_without_the_key(self):
        body, headers = {"user": "ada"}, {"x-api-key": "0" * 64}
        for path in ["/api/disconnect", "/api/revoke"]:
            with self.assertRaises(urllib.error.HTTPError) as refused:
                await asyncio.to_thread(self.server.post, path, body, headers)
            refused.exception.close()
            self.assertEqual(refused.exception.code, 401)
