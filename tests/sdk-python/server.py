"""A real server for one test class: its own process, port and data directory."""

import json
import os
import random
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

BINARY = os.environ.get("CHAT_SERVER_BIN") or str(
    Path(__file__).resolve().parents[2] / "target/release/chat-server"
)

# How long anything that a test waits for may take, in seconds.
DEADLINE_S = 20

# Never through a proxy of whoever runs the tests: everything is on this machine.
_http = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Server:
    def __init__(self, options=None):
        """Starts one with `options` beside the usual ones, by their names in the environment."""
        self._options = options or {}
        self._data_dir = Path(tempfile.mkdtemp(prefix="chat-sdk-python-"))
        self._output = b""
        self._process = None
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        try:
            self.restart()
        except BaseException:
            self._discard()
            raise

    def restart(self):
        """Starts the process, again on the same port and data; returns when it says that it is ready."""
        env = {
            **os.environ,
            "PORT": str(self.port),
            "DATA_DIR": str(self._data_dir),
            "CHAT__LIMITS__ENABLED": "false",
            **self._options,
        }
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        self._process = subprocess.Popen([BINARY], env=env, **pipes)
        threading.Thread(target=self._listen, args=[self._process.stdout], daemon=True).start()
        deadline = time.monotonic() + DEADLINE_S
        while not self._ready():
            assert self._process.poll() is None, f"the server ended:\n{self.output}"
            assert time.monotonic() < deadline, f"the server is still not ready:\n{self.output}"
            time.sleep(0.01)  # between two looks: nothing tells when a port opens

    def kill(self):
        """Ends it without a chance to tidy up."""
        assert self._process.poll() is None, f"the server had ended by itself:\n{self.output}"
        self._process.kill()
        self._process.wait(DEADLINE_S)

    def stop(self):
        """Ends it as an operator would; it has to leave by itself and in good order."""
        try:
            assert self._process.poll() is None, f"the server had ended by itself:\n{self.output}"
            self._process.terminate()
            code = self._process.wait(DEADLINE_S)
            assert code == 0, f"exit code {code} after SIGTERM:\n{self.output}"
        finally:
            self._discard()

    def guest(self, name):
        """A new guest: `{token, expires_at, user}`."""
        return self.post("/api/guests", {"name": name})

    def order(self, path, body):
        """What the operator's servers ask for, under their key."""
        key = (self._data_dir / "api-key").read_text().strip()
        return self.post(path, body, {"x-api-key": key})

    def post(self, path, body, headers=None):
        headers = {"content-type": "application/json", **(headers or {})}
        request = urllib.request.Request(self.url + path, json.dumps(body).encode(), headers)
        with _http.open(request, timeout=DEADLINE_S) as reply:
            return json.load(reply)

    @property
    def output(self):
        """The end of what the process printed: said with every failure that concerns it."""
        return self._output.decode(errors="replace")

    def _ready(self):
        try:
            with _http.open(f"{self.url}/health/ready", timeout=DEADLINE_S) as reply:
                return reply.status == 200
        except OSError:
            return False

    def _listen(self, stream):
        with stream:
            for line in stream:
                self._output = (self._output + line)[-8192:]

    def _discard(self):
        if self._process and self._process.poll() is None:
            self._process.kill()
            self._process.wait(DEADLINE_S)
        shutil.rmtree(self._data_dir, ignore_errors=True)


def _free_port():
    """One below those that the system gives to whoever connects somewhere: it stays free while the server is down."""
    for port in random.sample(range(10_000, 30_000), 100):
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server does
            try:
                listener.bind(("0.0.0.0", port))
                return port
            except OSError:
                pass  # taken
    raise AssertionError("no free port")
