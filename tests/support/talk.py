"""A conversation with an app-server, real or fake, that is written down."""

from collections.abc import Callable
from typing import Protocol

from twisted.internet.defer import Deferred

from codexd.backs import bindings as b
from codexd.child.process import ChildProcess
from codexd.wire import json, jsonrpc
from codexd.wire.json import Json
from codexd.wire.jsonl import LineSplitter
from tests.support.appserver import FakeAppServer


class Pipe(Protocol):
    """Where lines go."""

    def write(self, line: bytes) -> None: ...

    async def more(self) -> None: ...


class Talk:
    """One end of a conversation.

    Attributes:
        told: the notifications and requests that came, in order, as decoded JSON.
        replies: what came of our calls, in the order of the calls.
    """

    def __init__(self, pipe: Pipe) -> None:
        self.told: list[Json] = []
        self.replies: list[Json] = []
        self._pipe = pipe
        self._lines = LineSplitter()

    def heard(self, data: bytes) -> None:
        """Take what the server wrote."""
        for line in self._lines.receive(data):
            message = json.decode(line)
            if "method" in message:
                self.told.append(message)
            else:
                self.replies[message.pop("id")] = message

    def send(self, method: str, **params: Json) -> int:
        """Make a call; give the place of its reply."""
        self.replies.append(None)
        self._pipe.write(jsonrpc.encode_request(len(self.replies) - 1, method, params))
        return len(self.replies) - 1

    def notify(self, method: str) -> None:
        self._pipe.write(jsonrpc.encode_notification(method))

    def reply(self, request: Json, *content: Json, success: bool = True) -> None:
        """Answer a tool call of the server's."""
        self._pipe.write(
            jsonrpc.encode_reply(request["id"], {"contentItems": list(content), "success": success})
        )

    def decline(self, request: Json) -> None:
        self._pipe.write(jsonrpc.encode_error(request["id"], -32601, "no"))

    async def ask(self, method: str, **params: Json) -> Json:
        """Make a call and wait for its reply."""
        place = self.send(method, **params)
        while self.replies[place] is None:
            await self._pipe.more()
        return self.replies[place]

    async def until(self, wanted: Callable[[Json], bool], times: int = 1) -> Json:
        """Wait until as many such messages came, counted from the beginning; give the last."""
        while sum(map(wanted, self.told)) < times:
            await self._pipe.more()
        return [message for message in self.told if wanted(message)][times - 1]

    async def start(self, **params: Json) -> str:
        """Start a thread."""
        started = await self.ask("thread/start", **params)
        id: str = started["result"]["thread"]["id"]
        return id

    def turn(self, thread: str, *items: Json, **params: Json) -> None:
        """Give a thread something to answer."""
        self.send("thread/inject_items", threadId=thread, items=list(items))
        self.send("turn/start", threadId=thread, input=[], **params)

    async def done(self, times: int = 1) -> Json:
        return await self.until(lambda message: message["method"] == "turn/completed", times)

    async def called(self, times: int = 1, responses: int = 1) -> Json:
        """Wait for a tool call, and for the end of so many of the model's responses."""
        await self.until(lambda message: message["method"] == "rawResponse/completed", responses)
        return await self.until(lambda message: message["method"] == b.TOOL_CALL, times)


class FakePipe:
    """A pipe to the fake, which answers at once."""

    def __init__(self, server: FakeAppServer) -> None:
        self.talk = Talk(self)
        self._server = server

    def write(self, line: bytes) -> None:
        self.talk.heard(b"".join(self._server.receive(line)))

    async def more(self) -> None:
        raise AssertionError(f"the fake says no more: {self.talk.told[-3:]}, {self.talk.replies[-3:]}")


class RealPipe:
    """A pipe to a process."""

    def __init__(self, child: ChildProcess) -> None:
        self.talk = Talk(self)
        self._child = child
        self._waiting: Deferred[None] | None = None
        child.on_output = self._heard

    def write(self, line: bytes) -> None:
        self._child.write(line)

    async def more(self) -> None:
        self._waiting = Deferred()
        await self._waiting

    def _heard(self, data: bytes) -> None:
        self.talk.heard(data)
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.callback(None)
