"""The unmodified SDK as the tests use it: what it tells is recorded, and can be waited for."""

import asyncio
import json
import os
import unittest
import uuid

import centrifuge

from server import DEADLINE_S, Server

FORMAT = os.environ.get("CHAT_SDK_FORMAT", "json")
assert FORMAT in ("json", "protobuf"), f"CHAT_SDK_FORMAT is json or protobuf, not {FORMAT}"
PROTOBUF = FORMAT == "protobuf"


def write(data):
    """Data as the SDK takes it: in Protobuf it is the bytes of JSON."""
    return json.dumps(data).encode() if PROTOBUF else data


def read(data):
    return json.loads(data) if PROTOBUF else data


class Record:
    """What happened so far; whoever waits for something looks again after each change."""

    def __init__(self):
        self._changed = asyncio.Event()

    def change(self):
        self._changed.set()
        self._changed = asyncio.Event()

    async def until(self, what, holds):
        try:
            async with asyncio.timeout(DEADLINE_S):
                while not holds():
                    await self._changed.wait()
        except TimeoutError:
            raise AssertionError(f"still not after {DEADLINE_S} s: {what}") from None


class Client(Record, centrifuge.ClientEventHandler):
    """The SDK's own client (`sdk`), and the contexts that it gave, oldest first."""

    def __init__(self, port, token, get_token=None):
        super().__init__()
        self.connected, self.connecting, self.disconnected, self.errors = [], [], [], []
        self.sdk = centrifuge.Client(
            f"ws://127.0.0.1:{port}/connection/websocket",
            events=self,
            token=token,
            get_token=get_token,
            use_protobuf=PROTOBUF,
            min_reconnect_delay=0.02,
            max_reconnect_delay=0.2,
            proxy=None,
        )

    async def on_connected(self, context):
        self.connected.append(context)
        self.change()

    async def on_connecting(self, context):
        self.connecting.append(context)
        self.change()

    async def on_disconnected(self, context):
        self.disconnected.append(context)
        self.change()

    async def on_error(self, context):
        self.errors.append(context)
        self.change()

    async def ended(self):
        """The code with which the connection ended for good."""
        await self.until("the SDK has given up", lambda: self.disconnected)
        return self.disconnected[-1].code

    async def subscribe(self, room, **options):
        """Subscribes to a room's channel and records what the SDK tells of it."""
        feed = Feed()
        feed.subscription = self.sdk.new_subscription(f"room:{room}", events=feed, **options)
        await feed.subscription.subscribe()
        await feed.until(f"{room} has answered", lambda: feed.subscribed or feed.unsubscribed)
        return feed

    async def rpc(self, method, data):
        return read((await self.sdk.rpc(method, write(data))).data)

    async def send(self, room, text, client_id=None):
        """Sends a message; returns its ack."""
        data = {"room": room, "client_id": client_id or new_id(), "text": text}
        return await self.rpc("message.send", data)

    async def send_all(self, room, drafts, width=100):
        """Sends many, `width` at a time: pairs of client id and text. Their ids."""
        ids = []
        for start in range(0, len(drafts), width):
            part = drafts[start : start + width]
            sends = (self.send(room, text, client_id) for client_id, text in part)
            ids += [ack["id"] for ack in await asyncio.gather(*sends)]
        return ids

    async def new_room(self, name):
        """A new public room of this client's: its id."""
        data = {"name": name, "kind": "public", "client_id": new_id()}
        return (await self.rpc("room.create", data))["id"]


class Feed(Record, centrifuge.SubscriptionEventHandler):
    """What one subscription told: its contexts, and pairs of offset and event."""

    def __init__(self):
        super().__init__()
        self.publications, self.ephemeral = [], []
        self.subscribed, self.subscribing, self.unsubscribed = [], [], []

    async def on_publication(self, context):
        offset, event = context.pub.offset, read(context.pub.data)
        # What has no offset is kept nowhere, and has no place in the order.
        (self.publications if offset else self.ephemeral).append((offset, event))
        self.change()

    async def on_subscribing(self, context):
        self.subscribing.append(context)
        self.change()

    async def on_subscribed(self, context):
        self.subscribed.append(context)
        self.change()

    async def on_unsubscribed(self, context):
        self.unsubscribed.append(context)
        self.change()

    @property
    def messages(self):
        return [event for _, event in self.publications if event["type"] == "message.created"]

    @property
    def texts(self):
        return [event["text"] for event in self.messages]

    async def has(self, ids):
        """Waits until every message of `ids` has come."""
        missing, looked_at = set(ids), 0

        def none_is_missing():
            nonlocal looked_at
            missing.difference_update(event.get("id") for _, event in self.publications[looked_at:])
            looked_at = len(self.publications)
            return not missing

        await self.until(f"all of {len(ids)} messages have come", none_is_missing)


def new_id():
    return str(uuid.uuid4())


def drafts(count, text):
    return [(new_id(), f"{n} {text}") for n in range(count)]


class ServerTest(unittest.IsolatedAsyncioTestCase):
    """Tests that share one server, each with clients of its own."""

    options = {}

    @classmethod
    def setUpClass(cls):
        cls.server = Server(cls.options)

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    async def asyncSetUp(self):
        # unittest turns it on: it takes most of the time, and complains whenever the machine is slow.
        asyncio.get_running_loop().set_debug(False)

    def client(self, token, get_token=None, port=None):
        """One that ends with the test; not connected yet."""
        client = Client(port or self.server.port, token, get_token)
        self.addAsyncCleanup(client.sdk.disconnect)
        return client

    async def guest(self, name, port=None):
        """A new guest's client, connected."""
        client = self.client(self.server.guest(name)["token"], port=port)
        await client.sdk.connect()
        await client.sdk.ready(DEADLINE_S)
        return client

    def assert_no_hole(self, feed):
        """Everything after the position of its first subscribe came, once, in order."""
        first = feed.subscribed[0].stream_position.offset + 1
        offsets = [offset for offset, _ in feed.publications]
        self.assertEqual(offsets, list(range(first, first + len(offsets))))
