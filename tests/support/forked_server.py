"""A server to be killed while it works: the real front and store on a real socket in a forked process.

The fork of the test's process starts at once, and its back end answers at once.
"""

import os
import selectors
import signal
import socket
import time
from contextlib import suppress
from secrets import token_hex
from traceback import print_exc
from typing import Any

from attrs import Factory, define, field
from twisted.internet.defer import Deferred

from codexd.context import RequestContext
from codexd.interfaces import IEventSink, ITurnHandle
from codexd.neutral import event as e
from codexd.neutral.turn import Turn
from codexd.observe.log import AccessLog
from codexd.observe.metrics import Metrics
from codexd.settings import Responses, Settings
from codexd.store.service import Store
from codexd.wire.json import Json
from tests.support.fake_backend import USAGE, FakeBackend
from tests.support.in_memory_server import Response, build_front, parse, request
from tests.support.processes import TIMEOUT_SECONDS
from tests.support.real_reactor import with_reactor

PATH = "/v1/responses"
MANY = 1_000_000
WORDS = 12


class ForkedServer:
    """A server on a database file, in a fork of this process.

    Attributes:
        port: it accepts connections here from the beginning.
    """

    def __init__(self, path: str) -> None:
        with socket.create_server(("127.0.0.1", 0), backlog=16) as listening:
            listening.setblocking(False)
            self.port: int = listening.getsockname()[1]
            self._pid = os.fork()
            if self._pid == 0:
                try:
                    _detach_files_except(listening.fileno())
                    with_reactor(lambda reactor: _serve(reactor, path, listening))
                except BaseException:
                    print_exc()
                finally:
                    # Whatever happens, the fork must not continue as the test.
                    os._exit(1)

    def kill(self) -> None:
        """Kill the process with SIGKILL."""
        os.kill(self._pid, signal.SIGKILL)
        _, status = os.waitpid(self._pid, 0)
        assert os.WIFSIGNALED(status), "the server ended by itself"


class InstantBackend(FakeBackend):
    """Emits every answer inside `begin`; the id of its message is unique."""

    def begin(self, turn: Turn, context: RequestContext, sink: IEventSink) -> ITurnHandle:
        self.turns.clear()
        words = (e.TextDelta(0, f"word{number} ") for number in range(WORDS))
        said = (e.MessageOpened(0, f"msg_{token_hex(8)}"), *words, e.MessageClosed(0))
        self.immediate_events = (e.Began(), *said, e.UsageReported(USAGE), e.Ended("stop"))
        return super().begin(turn, context, sink)


def _detach_files_except(fd: int) -> None:
    """Replace the inherited files with /dev/null: the fork must not write into the pipes of the test.

    The descriptors stay open, so that their numbers are not used again for other files.
    """
    null = os.open(os.devnull, os.O_RDWR)
    for name in os.listdir("/proc/self/fd"):
        if int(name) not in (0, 1, 2, fd, null):
            with suppress(OSError):  # the descriptor that listdir used
                os.fstat(int(name))
                os.dup2(null, int(name))


def _serve(reactor: Any, path: str, listening: socket.socket) -> "Deferred[None]":
    settings, metrics, backend = Settings(responses=store_settings(path)), Metrics(), InstantBackend()
    store = Store(settings.responses, path, reactor, metrics)
    store.startService()
    front = build_front(backend, backend, store, settings, metrics, AccessLog(), reactor, time.time)
    reactor.adoptStreamPort(listening.fileno(), socket.AF_INET, front.site)
    return Deferred()


def store_settings(path: str) -> Responses:
    """Build settings by which nothing is pruned."""
    return Responses(database=path, retention_limit=MANY, background_limit=MANY)


@define(eq=False, kw_only=True)
class StreamClient:
    """A connection that sends its next request when the response to the last one is complete.

    Attributes:
        fields: further members of its request bodies.
        chained: each request continues the previous response.
        responses: those received so far; the last may be incomplete.
        received_bytes: the bytes received in all.
    """

    port: int
    name: str
    fields: Json
    chained: bool = True
    responses: list[Response] = Factory(list)
    received_bytes: int = 0
    connection: socket.socket = field(init=False)
    _buffer: bytes = b""

    def __attrs_post_init__(self) -> None:
        self.connection = socket.create_connection(("127.0.0.1", self.port))
        self._request({})

    def receive(self) -> bool:
        """Read once, send the next request after a complete response; return False at the end."""
        try:
            data = self.connection.recv(2**16)
        except ConnectionError:
            data = b""
        self._buffer += data
        self.received_bytes += len(data)
        if data and b"\r\n\r\n" in self._buffer:
            (answer,) = parse(self._buffer)
            if answer.whole:
                self.responses.append(answer)
                self._buffer = b""
                self._request({"previous_response_id": _id(answer)} if self.chained else {})
        return bool(data)

    def close(self) -> None:
        """Close the connection; a response received in part is recorded as far as it came."""
        self.connection.close()
        if b"\r\n\r\n" in self._buffer:
            self.responses += parse(self._buffer)

    def _request(self, more: Json) -> None:
        said = f"{self.name} {len(self.responses)}"
        body = {"model": "gpt-5", "input": said} | self.fields | more
        try:
            self.connection.sendall(request("POST", PATH, body))
        except ConnectionError:
            pass  # the server was killed; what it had sent before can still be read


def _id(answer: Response) -> str:
    assert answer.status == 200, answer.body
    shown = answer.json if "json" in answer.headers["content-type"] else answer.events[0]["response"]
    id: str = shown["id"]
    return id


def kill_under_load(server: ForkedServer, clients: list[StreamClient], after_bytes: int) -> None:
    """Let the clients send requests until they received this many bytes, kill the server, read the rest."""
    with selectors.DefaultSelector() as selector:
        for client in clients:
            selector.register(client.connection, selectors.EVENT_READ, client)
        try:
            while sum(client.received_bytes for client in clients) < after_bytes:
                _receive(selector)
        finally:
            server.kill()
        while selector.get_map():
            _receive(selector)
    for client in clients:
        client.close()


def _receive(selector: selectors.BaseSelector) -> None:
    ready = selector.select(TIMEOUT_SECONDS)
    assert ready, "the server sends nothing"
    for key, _ in ready:
        if not key.data.receive():
            selector.unregister(key.fileobj)
