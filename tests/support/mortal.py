"""A daemon that is killed in the middle: the real front and the real store on a real socket, and its clients.

It is a copy of the test's own process, so that it lives at once. Its back end answers at once, too.
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

from codexd.http.front import Front
from codexd.interfaces import IEventSink, ITurnHandle
from codexd.neutral import event as e
from codexd.neutral.turn import Turn
from codexd.observe.journal import Journal
from codexd.observe.log import RequestLog
from codexd.observe.metrics import Metrics
from codexd.settings import Responses, Settings
from codexd.store.service import Store
from codexd.wire.json import Json
from tests.support import web
from tests.support.backend import USAGE, FakeBackend
from tests.support.loop import run
from tests.support.system import PATIENCE_SECONDS

PATH = "/v1/responses"
MANY = 1_000_000
WORDS = 12


class Mortal:
    """A daemon on a store's file.

    Attributes:
        port: where it listens, from the beginning.
    """

    def __init__(self, path: str) -> None:
        with socket.create_server(("127.0.0.1", 0), backlog=16) as listening:
            listening.setblocking(False)
            self.port: int = listening.getsockname()[1]
            self._pid = os.fork()
            if self._pid == 0:
                try:
                    _let_go_of_all_but(listening.fileno())
                    run(lambda reactor: _serve(reactor, path, listening))
                except BaseException:
                    print_exc()
                finally:
                    # Whatever happens: a copy of the test's process must not go on as one.
                    os._exit(1)

    def kill(self) -> None:
        """Kill it, wherever it is."""
        os.kill(self._pid, signal.SIGKILL)
        _, status = os.waitpid(self._pid, 0)
        assert os.WIFSIGNALED(status), "it ended by itself"


class InstantBackend(FakeBackend):
    """Answers every turn inside `begin`, with an item that is like no other."""

    def begin(self, turn: Turn, sink: IEventSink) -> ITurnHandle:
        self.turns.clear()
        words = (e.TextDelta(0, f"word{number} ") for number in range(WORDS))
        said = (e.MessageOpened(0, f"msg_{token_hex(8)}"), *words, e.MessageClosed(0))
        self.at_once = (e.Began(), *said, e.UsageReported(USAGE), e.Ended("stop"))
        return super().begin(turn, sink)


def _let_go_of_all_but(kept: int) -> None:
    """Make nothing of every file of the test's process: a copy must not write into its pipes.

    They stay open, as nothing: their numbers must not come to mean other files.
    """
    nothing = os.open(os.devnull, os.O_RDWR)
    for name in os.listdir("/proc/self/fd"):
        if int(name) not in (0, 1, 2, kept, nothing):
            with suppress(OSError):  # the one that was open to list them
                os.fstat(int(name))
                os.dup2(nothing, int(name))


def _serve(reactor: Any, path: str, listening: socket.socket) -> "Deferred[None]":
    settings, metrics, backend = Settings(responses=kept_in(path)), Metrics(), InstantBackend()
    store = Store(settings.responses, path, reactor, metrics)
    store.startService()
    journal = Journal(metrics, RequestLog())
    front = Front.built(backend, backend, store, settings, journal, reactor, time.time)
    reactor.adoptStreamPort(listening.fileno(), socket.AF_INET, front.site)
    return Deferred()


def kept_in(path: str) -> Responses:
    """Give settings by which all is kept."""
    return Responses(path, keep_limit=MANY, background_limit=MANY)


@define(eq=False)
class Client:
    """One connection, on which each request follows the answer to the one before.

    Attributes:
        fields: of its requests, beside what is asked.
        in_line: each goes on from the one before.
        told: what it was answered, the last perhaps in part.
        received: bytes, in all.
    """

    port: int
    name: str
    fields: Json
    in_line: bool = True
    told: list[web.Response] = Factory(list)
    received: int = 0
    connection: socket.socket = field(init=False)
    _buffer: bytes = b""

    def __attrs_post_init__(self) -> None:
        self.connection = socket.create_connection(("127.0.0.1", self.port))
        self._ask({})

    def receive(self) -> bool:
        """Take what has come, and ask on when an answer is whole; False when nothing will come any more."""
        try:
            data = self.connection.recv(2**16)
        except ConnectionError:
            data = b""
        self._buffer += data
        self.received += len(data)
        if data and b"\r\n\r\n" in self._buffer:
            (answer,) = web.parse(self._buffer)
            if answer.whole:
                self.told.append(answer)
                self._buffer = b""
                self._ask({"previous_response_id": _id(answer)} if self.in_line else {})
        return bool(data)

    def leave(self) -> None:
        """Go; an answer that came in part counts as far as it came."""
        self.connection.close()
        if b"\r\n\r\n" in self._buffer:
            self.told += web.parse(self._buffer)

    def _ask(self, more: Json) -> None:
        said = f"{self.name} {len(self.told)}"
        body = {"model": "gpt-5", "input": said} | self.fields | more
        try:
            self.connection.sendall(web.request("POST", PATH, body))
        except ConnectionError:
            pass  # it was killed; what it had sent before is still to be read


def _id(answer: web.Response) -> str:
    assert answer.status == 200, answer.body
    shown = answer.json if "json" in answer.headers["content-type"] else answer.events[0]["response"]
    id: str = shown["id"]
    return id


def kill_while_asked(daemon: Mortal, clients: list[Client], after_bytes: int) -> None:
    """Let all clients ask on until they have been told so much, kill it then, and read what it had said."""
    with selectors.DefaultSelector() as selector:
        for client in clients:
            selector.register(client.connection, selectors.EVENT_READ, client)
        try:
            while sum(client.received for client in clients) < after_bytes:
                _receive(selector)
        finally:
            daemon.kill()
        while selector.get_map():
            _receive(selector)
    for client in clients:
        client.leave()


def _receive(selector: selectors.BaseSelector) -> None:
    ready = selector.select(PATIENCE_SECONDS)
    assert ready, "it says nothing any more"
    for key, _ in ready:
        if not key.data.receive():
            selector.unregister(key.fileobj)
