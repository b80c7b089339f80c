"""A client of an app-server, real or fake, that records all messages."""

from collections.abc import Callable
from typing import Protocol

from twisted.internet.defer import Deferred

from codexd.backs import bindings as b
from codexd.child.process import ChildProcess
from codexd.wire import json, jsonrpc
from codexd.wire.json import Json
from codexd.wire.jsonl import LineSplitter
from tests.support.fake_app_server import FakeAppServer


class Transport(Protocol):
    """Carries lines to the app-server."""

    def write(self, line: bytes) -> None: ...

    async def read_more(self) -> None: ...


class AppServerClient:
    """Makes calls and records what the app-server sends.

    Attributes:
        messages: the notifications and requests received, in order, as decoded JSON.
        replies: the replies to the calls, in the order of the calls; None until a reply arrives.
    """

    def __init__(self, transport: Transport) -> None:
        self.messages: list[Json] = []
        self.replies: list[Json] = []
        self._transport = transport
        self._lines = LineSplitter()

    def receive(self, data: bytes) -> None:
        """Feed bytes that the app-server wrote."""
        for line in self._lines.receive(data):
            message = json.decode(line)
            if "method" in message:
                self.messages.append(message)
            else:
                self.replies[message.pop("id")] = message

    def send(self, method: str, **params: Json) -> int:
        """Make a call and return the index of its reply."""
        self.replies.append(None)
        self._transport.write(jsonrpc.encode_request(len(self.replies) - 1, method, params))
        return len(self.replies) - 1

    def notify(self, method: str) -> None:
        self._transport.write(jsonrpc.encode_notification(method))

    def reply(self, request: Json, *content: Json, success: bool = True) -> None:
        """Answer a tool call of the app-server."""
        self._transport.write(
            jsonrpc.encode_response(request["id"], {"contentItems": list(content), "success": success})
        )

    def decline(self, request: Json) -> None:
        self._transport.write(jsonrpc.encode_error(request["id"], -32601, "no"))

    async def call(self, method: str, **params: Json) -> Json:
        """Make a call and wait for its reply."""
        place = self.send(method, **params)
        while self.replies[place] is None:
            await self._transport.read_more()
        return self.replies[place]

    async def wait_until(self, wanted: Callable[[Json], bool], times: int = 1) -> Json:
        """Wait until this many matching messages have been received in all, and return the last."""
        while sum(map(wanted, self.messages)) < times:
            await self._transport.read_more()
        return [message for message in self.messages if wanted(message)][times - 1]

    async def start(self, **params: Json) -> str:
        """Start a thread and return its id."""
        started = await self.call("thread/start", **params)
        id: str = started["result"]["thread"]["id"]
        return id

    def turn(self, thread: str, *items: Json, **params: Json) -> None:
        """Start a turn on a thread, with these items."""
        self.send("thread/inject_items", threadId=thread, items=list(items))
        self.send("turn/start", threadId=thread, input=[], **params)

    async def done(self, times: int = 1) -> Json:
        return await self.wait_until(lambda message: message["method"] == "turn/completed", times)

    async def called(self, times: int = 1, responses: int = 1) -> Json:
        """Wait for a tool call and for the end of this many model responses, and return the call."""
        await self.wait_until(lambda message: message["method"] == "rawResponse/completed", responses)
        return await self.wait_until(lambda message: message["method"] == b.TOOL_CALL, times)


class FakeTransport:
    """A transport to the fake, which answers at once."""

    def __init__(self, server: FakeAppServer) -> None:
        self.client = AppServerClient(self)
        self._server = server

    def write(self, line: bytes) -> None:
        self.client.receive(b"".join(self._server.receive(line)))

    async def read_more(self) -> None:
        raise AssertionError(f"the fake sends nothing more: {self.client.messages[-3:]}, {self.client.replies[-3:]}")


class ProcessTransport:
    """A transport to a process."""

    def __init__(self, child: ChildProcess) -> None:
        self.client = AppServerClient(self)
        self._child = child
        self._waiting: Deferred[None] | None = None
        child.on_stdout = self._received

    def write(self, line: bytes) -> None:
        self._child.write(line)

    async def read_more(self) -> None:
        self._waiting = Deferred()
        await self._waiting

    def _received(self, data: bytes) -> None:
        self.client.receive(data)
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.callback(None)
