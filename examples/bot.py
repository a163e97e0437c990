#!/usr/bin/env python3
"""A bot in the room `general` that answers !ping and !time.

    pip install centrifuge-python
    CHAT_URL=http://localhost:8000 python3 bot.py

It answers what was asked while it was away, too, and nothing twice: bot.json keeps who it is and up to where it has
answered, and an answer's client_id follows from the question, so that a repeat is the same message for the server.
"""
import asyncio
import contextlib
import json
import os
import time
import urllib.request
from pathlib import Path

from centrifuge import CentrifugeError, Client, ClientEventHandler, ReplyError, StreamPosition, SubscriptionEventHandler

URL = os.environ.get("CHAT_URL", "http://localhost:8000")
STATE = Path(os.environ.get("BOT_STATE", "bot.json"))


def answer_to(event):
    """The answer, or None. A question always has the same one: under its client_id there can be no other."""
    asked = time.strftime("You asked at %H:%M:%S UTC.", time.gmtime(event["time"] / 1000))
    return {"!ping": "pong", "!time": asked}.get(event.get("text"))


def post(path, body, token):
    headers = {"content-type": "application/json", "authorization": f"Bearer {token}"}
    with urllib.request.urlopen(urllib.request.Request(URL + path, json.dumps(body).encode(), headers)) as reply:
        return json.load(reply)


class Line(ClientEventHandler):  # apart from the Bot: it is told of the channel that the server has subscribed it to, too
    def __init__(self):
        self.over = asyncio.get_running_loop().create_future()

    async def on_disconnected(self, context):  # and the SDK will not come back
        self.over.set_exception(ConnectionError(f"{context.code} {context.reason}"))


class Bot(SubscriptionEventHandler):
    def __init__(self):
        self.state = json.loads(STATE.read_text()) if STATE.exists() else {}
        self.todo = asyncio.Queue()

    def save(self, **changes):
        self.state.update(changes)
        (new := STATE.with_suffix(".new")).touch(mode=0o600)  # it holds a token
        new.write_text(json.dumps(self.state))
        new.replace(STATE)

    async def renew(self):  # a guest's token is good for 30 days, and until then for a fresh one
        old = self.state.get("token", "")
        path = "/api/tokens/refresh" if old else "/api/guests"
        self.save(token=(await asyncio.to_thread(post, path, {"name": "Bot"}, old))["token"])

    async def position(self, _channel):
        return StreamPosition(self.state["offset"], self.state["epoch"])

    async def on_subscribed(self, context):
        if not context.recovered:  # the first time, or the server's log is another one: from here on
            self.todo.put_nowait((context.stream_position.offset, {"epoch": context.stream_position.epoch}, {}))

    async def on_publication(self, context):  # never waits for a reply: it would come through the loop that calls this
        if context.pub.offset:
            self.todo.put_nowait((context.pub.offset, {}, context.pub.data))

    async def work(self, client):
        while True:
            offset, epoch, event = await self.todo.get()
            text = answer_to(event) if event.get("type") == "message.created" else None
            while text:
                try:
                    message = {"room": "general", "client_id": f"re-{event['id']}", "text": text}
                    await client.rpc("message.send", message)
                    break
                except CentrifugeError as error:  # a refusal; or the connection broke, or no answer came in time
                    if isinstance(error, ReplyError) and not error.temporary:
                        raise
                    await asyncio.sleep(1)
            self.save(offset=offset, **epoch)


async def main():
    bot, line = Bot(), Line()
    await bot.renew()
    address = URL.replace("http", "ws", 1) + "/connection/websocket"
    client = Client(address, events=line, token=bot.state["token"])
    known = bot.position if "epoch" in bot.state else None
    await client.new_subscription("room:general", events=bot, get_state=known).subscribe()
    await client.connect()
    work = asyncio.ensure_future(bot.work(client))
    while not (await asyncio.wait([work, line.over], timeout=3600, return_when=asyncio.FIRST_COMPLETED))[0]:
        with contextlib.suppress(OSError):  # the server is away: the next hour will do
            await bot.renew()
            client.set_token(bot.state["token"])
    await asyncio.gather(work, line.over)  # raises what ended it


asyncio.run(main())
