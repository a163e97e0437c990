"""A network between the SDK and the server that a test can cut, and make stand still."""

import asyncio
import socket

from server import DEADLINE_S


class Network:
    """Passes bytes on between its own port and the server's."""

    def __init__(self, server_port):
        self._server_port = server_port
        self._open = True
        self._flows = asyncio.Event()
        self._flows.set()
        self._writers = set()
        self._passing = set()

    async def start(self):
        self._listener = await asyncio.start_server(self._pass, "127.0.0.1", 0)
        self.port = self._listener.sockets[0].getsockname()[1]

    async def close(self):
        self._listener.close()
        self.cut()
        if self._passing:
            await asyncio.wait(self._passing, timeout=DEADLINE_S)

    def cut(self):
        """Drops every connection without a close frame, and every attempt until `restore()`."""
        self._open = False
        for writer in self._writers:
            writer.transport.abort()
        self._flows.set()

    def restore(self):
        self._open = True

    def stall(self):
        """Takes nothing more from the server, as a client that doesn't read: its buffers fill up."""
        self._flows.clear()

    def flow(self):
        self._flows.set()

    async def _pass(self, from_sdk, to_sdk):
        if not self._open:
            to_sdk.transport.abort()
            return
        # A small buffer, so that what a stalled reader doesn't take is soon the server's to keep.
        upstream = socket.socket()
        upstream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        upstream.setblocking(False)
        await asyncio.get_running_loop().sock_connect(upstream, ("127.0.0.1", self._server_port))
        from_server, to_server = await asyncio.open_connection(sock=upstream, limit=4096)
        writers, task = {to_sdk, to_server}, asyncio.current_task()
        self._writers |= writers
        self._passing.add(task)
        task.add_done_callback(self._passing.discard)
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._copy(from_sdk, to_server))
                both.create_task(self._copy(from_server, to_sdk, self._flows))
        except* OSError:
            pass  # one end went away: that ends both halves
        finally:
            for writer in writers:
                writer.transport.abort()
            self._writers -= writers

    @staticmethod
    async def _copy(reader, writer, flows=None):
        while True:
            if flows:
                await flows.wait()
            data = await reader.read(4096)
            if not data:
                raise ConnectionResetError
            writer.write(data)
            await writer.drain()
