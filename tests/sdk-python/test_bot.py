"""examples/bot.py as people copy it: killed and started again at will, it answers each question once."""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from client import ServerTest
from server import DEADLINE_S

BOT = Path(__file__).resolve().parents[2] / "examples/bot.py"


class BotTest(ServerTest):
    async def asyncSetUp(self):
        await super().asyncSetUp()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.state = Path(folder.name) / "bot.json"
        self.bot = None
        self.addCleanup(self.kill_bot)
        self.ada = await self.guest("Ada")
        self.feed = await self.ada.subscribe("general")
        await self.start_bot()

    async def start_bot(self):
        env = {**os.environ, "CHAT_URL": self.server.url, "BOT_STATE": str(self.state), "NO_PROXY": "127.0.0.1"}
        self.bot = subprocess.Popen([sys.executable, BOT], env=env)
        # A new bot begins with what is said from now on: it says that it is there by keeping its position.
        await self.looks("the bot has a position", lambda: self.state.exists() and "epoch" in self.kept())

    def kill_bot(self):
        if self.bot and self.bot.poll() is None:
            self.bot.kill()
            self.bot.wait(DEADLINE_S)

    def kept(self):
        return json.loads(self.state.read_text())

    async def looks(self, what, holds):
        """Waits for what only looking tells: the file of another process."""
        deadline = asyncio.get_running_loop().time() + DEADLINE_S
        while not holds():
            self.assertIsNone(self.bot.poll(), "the bot has ended")
            self.assertLess(asyncio.get_running_loop().time(), deadline, f"still not: {what}")
            await asyncio.sleep(0.01)

    async def ask(self, text):
        """Asks; the question's id."""
        return (await self.ada.send("general", text))["id"]

    def answers(self, question):
        return [it["text"] for it in self.feed.messages if it["client_id"].startswith(f"re-{question}")]

    async def answer(self, question):
        await self.feed.until("the bot has answered", lambda: self.answers(question))
        return self.answers(question)[0]

    async def test_it_answers_what_it_knows_and_nothing_else(self):
        ping, hello, clock = await self.ask("!ping"), await self.ask("hello"), await self.ask("!time")
        self.assertEqual(await self.answer(ping), "pong")
        self.assertRegex(await self.answer(clock), r"^You asked at \d\d:\d\d:\d\d UTC\.$")
        self.assertEqual(self.answers(hello), [])
        self.assertEqual(self.state.stat().st_mode & 0o777, 0o600)

    async def test_it_answers_what_was_asked_while_it_was_away(self):
        await self.answer(await self.ask("!ping"))
        self.kill_bot()
        missed = [await self.ask("!ping"), await self.ask("!time")]
        await self.start_bot()
        for question in missed:
            await self.answer(question)

    async def test_whatever_it_has_forgotten_it_never_answers_twice(self):
        await self.answer(await self.ask("!ping"))
        before = self.state.read_text()
        questions = [await self.ask(text) for text in ["!ping", "!time", "!ping"]]
        for question in questions:
            await self.answer(question)
        self.kill_bot()
        self.state.write_text(before)  # as if it had died before it could note that it had answered
        await self.start_bot()
        # It goes in order: once it has come to this one, it has been through all the others again.
        last = await self.ask("!ping")
        await self.answer(last)
        self.assertEqual([len(self.answers(question)) for question in [*questions, last]], [1, 1, 1, 1])
        its = [it for it in self.feed.messages if it["user"]["name"] == "Bot"]
        self.assertEqual((len(its), len({it["user"]["id"] for it in its})), (5, 1))

    async def test_it_outlives_the_server(self):
        await self.answer(await self.ask("!ping"))
        await asyncio.to_thread(self.server.kill)
        await asyncio.to_thread(self.server.restart)
        await self.ada.until("Ada is back", lambda: len(self.ada.connected) == 2)
        question = await self.ask("!time")
        await self.answer(question)
        self.assertEqual(len(self.answers(question)), 1)
        self.assertIsNone(self.bot.poll())
