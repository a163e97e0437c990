"""Drops, absences and slowness: nothing is missed, and nothing comes twice."""

import asyncio

import centrifuge

from client import ServerTest, drafts, read
from network import Network
from server import DEADLINE_S


class Resuming(ServerTest):
    async def network(self):
        network = Network(self.server.port)
        await network.start()
        self.addAsyncCleanup(network.close)
        return network

    def assert_resumed(self, feed):
        again = feed.subscribed[-1]
        self.assertEqual((again.was_recovering, again.recovered), (True, True))
        self.assertEqual(again.stream_position.epoch, feed.subscribed[0].stream_position.epoch)
        self.assertEqual(feed.unsubscribed, [])
        self.assert_no_hole(feed)

    async def test_after_kill_9_everything_acked_is_there_once_and_readers_resume(self):
        ada, bob = await self.guest("Ada"), await self.guest("Bob")
        room = await ada.new_room("kill")
        feed = await bob.subscribe(room)
        sent, acked, enough = drafts(200, "killed"), [], asyncio.Event()

        async def send(client_id, text):
            acked.append((await ada.send(room, text, client_id))["id"])
            if len(acked) == 20:
                enough.set()

        sends = asyncio.gather(*(send(*draft) for draft in sent), return_exceptions=True)
        await asyncio.wait_for(enough.wait(), DEADLINE_S)
        await asyncio.to_thread(self.server.kill)
        unknown = [outcome for outcome in await sends if outcome is not None]
        self.assertEqual(len(acked) + len(unknown), len(sent))
        self.assertTrue(all(isinstance(it, centrifuge.CentrifugeError) for it in unknown), unknown)
        await asyncio.to_thread(self.server.restart)
        await ada.until("the author is back", lambda: len(ada.connected) == 2)
        await feed.until("the reader has resumed", lambda: len(feed.subscribed) == 2)

        # Whoever got no answer asks again: the same ids for what was there already, and no second message.
        ids = await ada.send_all(room, sent)
        self.assertLessEqual(set(acked), set(ids))
        await feed.has(ids)
        self.assertEqual(sorted(it["id"] for it in feed.messages), sorted(ids))
        self.assert_resumed(feed)

    async def test_a_long_absence_comes_back_in_pages_and_in_order_while_others_go_on(self):
        network = await self.network()
        ada, bob = await self.guest("Ada"), await self.guest("Bob", port=network.port)
        room = await ada.new_room("absence")
        feed = await bob.subscribe(room)
        network.cut()
        await bob.until("the drop is noticed", lambda: len(bob.connecting) == 2)
        sent = drafts(600, "while away " + "x" * 400)
        ids = await ada.send_all(room, sent)
        rest = asyncio.ensure_future(ada.send_all(room, drafts(100, "while coming back"), width=5))
        network.restore()
        ids += await rest
        await feed.has(ids)
        self.assertEqual(len(feed.messages), 700)
        # Sent in turn on one connection: they are in this order for everyone.
        self.assertEqual(feed.texts[:600], [text for _, text in sent])
        self.assertEqual(len(feed.subscribed), 2)
        self.assert_resumed(feed)

    async def test_who_missed_nothing_is_told_so(self):
        network = await self.network()
        ada = await self.guest("Ada", port=network.port)
        feed = await ada.subscribe(await ada.new_room("idle"))
        network.cut()
        network.restore()
        await feed.until("it has resumed", lambda: len(feed.subscribed) == 2)
        self.assertEqual(feed.subscribed[1].stream_position, feed.subscribed[0].stream_position)
        self.assert_resumed(feed)

    async def test_a_reader_that_stands_still_loses_its_place_and_has_everything_once_it_reads_again(self):
        network = await self.network()
        ada, bob = await self.guest("Ada"), await self.guest("Bob", port=network.port)
        room = await ada.new_room("slow")
        feed = await bob.subscribe(room)
        network.stall()
        # More than the kernel keeps for a connection, and the server for a session.
        ids = await ada.send_all(room, drafts(400, "x" * 16_000), width=20)
        self.assertEqual(feed.messages, [])
        network.flow()
        await feed.has(ids)
        # Its place, or on a slow machine its connection.
        codes = {it.code for it in [*feed.subscribing, *bob.connecting]}
        self.assertTrue(codes & {2500, 3008}, codes)
        self.assertEqual(len(feed.messages), 400)
        self.assert_resumed(feed)

    async def test_a_position_of_another_log_is_refused_honestly(self):
        ada = await self.guest("Ada")
        room = await ada.new_room("other log")

        async def elsewhere(_channel):
            return centrifuge.StreamPosition(offset=1, epoch="another")

        feed = await ada.subscribe(room, get_state=elsewhere)
        self.assertEqual((feed.subscribed[0].was_recovering, feed.subscribed[0].recovered), (True, False))
        ack = await ada.send(room, "from here on")
        await feed.has([ack["id"]])
        self.assert_no_hole(feed)

    async def test_a_position_kept_by_the_program_is_resumed_from(self):
        ada = await self.guest("Ada")
        room = await ada.new_room("kept")
        feed = await ada.subscribe(room)
        kept = feed.subscribed[0].stream_position
        await ada.send_all(room, drafts(3, "kept"))

        async def state(_channel):
            return kept

        bob = await self.guest("Bob")
        again = await bob.subscribe(room, get_state=state)
        await again.until("all three have come", lambda: len(again.messages) == 3)
        history = await again.subscription.history(limit=3, since=kept)
        self.assertEqual([read(it.data) for it in history.publications], again.messages)
