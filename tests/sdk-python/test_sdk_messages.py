"""Connecting, sending, receiving, and reading what was and who is there."""

import asyncio

import centrifuge

from client import ServerTest, new_id, read, write


class Messages(ServerTest):
    async def test_a_guest_is_told_who_they_are_and_what_an_ack_will_mean(self):
        guest = self.server.guest("Ada")
        ada = self.client(guest["token"])
        await ada.sdk.connect()
        await ada.until("connected", lambda: ada.connected)
        data = read(ada.connected[0].data)
        self.assertEqual((data["server"], data["durability"]), ("scalable-chat", "fsync"))
        self.assertEqual(data["user"], guest["user"])
        self.assertEqual(await ada.rpc("user.me", {}), guest["user"])

    async def test_rpc_and_publish_reach_every_reader_in_one_order(self):
        ada, bob = await self.guest("Ada"), await self.guest("Bob")
        room = await ada.new_room("order")
        await bob.rpc("room.join", {"room": room})
        mine, theirs = await ada.subscribe(room), await bob.subscribe(room)
        odd = 'hello <b>world</b> \u2028 "\\" 😀\nsecond line'
        client_id = new_id()
        ack = await ada.send(room, odd, client_id)
        self.assertEqual(sorted(ack), ["durability", "id"])
        await bob.sdk.publish(f"room:{room}", write({"text": "published", "client_id": new_id()}))
        sends = [who.send(room, f"{name}{n}") for n in range(30) for who, name in [(ada, "a"), (bob, "b")]]
        ids = [ack["id"], *(it["id"] for it in await asyncio.gather(*sends))]
        await asyncio.gather(mine.has(ids), theirs.has(ids))

        event = theirs.messages[0]
        self.assertEqual((event["text"], event["client_id"], event["user"]["name"]), (odd, client_id, "Ada"))
        self.assertEqual(theirs.messages[1]["text"], "published")
        self.assertEqual(mine.publications, theirs.publications)
        self.assertEqual(len(mine.messages), 62)
        self.assert_no_hole(mine)
        # One author's own order is kept: each sent on one connection, in turn.
        from_bob = [text for text in mine.texts if text.startswith("b")]
        self.assertEqual(from_bob, [f"b{n}" for n in range(30)])

    async def test_a_repeat_is_the_same_message_and_other_words_are_refused(self):
        ada = await self.guest("Ada")
        room = await ada.new_room("repeat")
        feed = await ada.subscribe(room)
        client_id = new_id()
        first = await ada.send(room, "once", client_id)
        self.assertEqual(await ada.send(room, "once", client_id), first)
        with self.assertRaises(centrifuge.ReplyError) as refused:
            await ada.send(room, "other words", client_id)
        self.assertEqual((refused.exception.code, refused.exception.temporary), (409, False))
        last = await ada.send(room, "last")
        await feed.has([last["id"]])
        self.assertEqual(feed.texts, ["once", "last"])

    async def test_history_goes_both_ways_and_from_a_position(self):
        ada = await self.guest("Ada")
        room = await ada.new_room("history")
        feed = await ada.subscribe(room)
        start = feed.subscribed[0].stream_position
        for n in range(5):
            await ada.send(room, f"{n}")

        async def texts(**options):
            page = await feed.subscription.history(**options)
            self.assertEqual((page.epoch, page.offset), (start.epoch, start.offset + 5))
            return [read(publication.data)["text"] for publication in page.publications]

        self.assertEqual(await texts(), [])
        self.assertEqual(await texts(limit=2, reverse=True), ["4", "3"])
        self.assertEqual(await texts(limit=3, since=start), ["0", "1", "2"])

    async def test_presence_tells_who_is_there(self):
        ada, bob = await self.guest("Ada"), await self.guest("Bob")
        room = await ada.new_room("presence")
        feed, _ = await ada.subscribe(room), await bob.subscribe(room)
        # It is counted a moment after the reply to a subscribe; a tick says when.
        two = ("presence.tick", 2)
        seen = lambda: two in [(it["type"], it.get("count")) for _, it in feed.ephemeral]
        await feed.until("a tick has counted both", seen)
        there = (await feed.subscription.presence()).clients
        self.assertEqual(set(there), {ada.connected[0].client, bob.connected[0].client})
        self.assertEqual({read(it.conn_info)["name"] for it in there.values()}, {"Ada", "Bob"})
        stats = await feed.subscription.presence_stats()
        self.assertEqual((stats.num_clients, stats.num_users), (2, 2))

    async def test_a_refusal_costs_nothing_else(self):
        ada = await self.guest("Ada")
        with self.assertRaises(centrifuge.ReplyError) as refused:
            await ada.rpc("message.teleport", {})
        self.assertEqual(refused.exception.code, 104)
        feed = await ada.subscribe("nowhere")
        self.assertEqual(feed.unsubscribed[0].code, 401)
        self.assertEqual((await ada.rpc("user.me", {}))["name"], "Ada")
        self.assertEqual(len(ada.connected), 1)

    async def test_a_wrong_token_is_refused_for_good(self):
        forged = self.server.guest("Eve")["token"][:-8] + "AAAAAAAA"
        eve = self.client(forged)
        await eve.sdk.connect()
        self.assertEqual(await eve.ended(), 3500)
        self.assertEqual(eve.sdk.state, centrifuge.ClientState.DISCONNECTED)
