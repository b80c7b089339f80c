"""A verified fake of the app-server: JSON-RPC lines in, JSON-RPC lines out, no I/O.

It says what the real one was seen to say, in that order; `tests/live/test_fake_appserver.py` holds it to
that. Its model is a callable, by default the script of `codexd.scripted.script`.
"""

from collections.abc import Callable, Iterator, MutableSequence
from itertools import count

from attrs import frozen

from codexd.wire import json, jsonrpc
from codexd.wire.json import Json
from tests.support.appserver_thread import USUAL, Habits, Thread
from tests.support.appserver_turn import Model, Turn, scripted

BAD_REQUEST = -32600
INTERNAL = -32603


@frozen
class Offered:
    """One model of `model/list`."""

    id: str = "scripted"
    efforts: tuple[str, ...] = ("low", "medium", "high")
    hidden: bool = False

    def show(self) -> Json:
        efforts = [{"reasoningEffort": effort, "description": ""} for effort in self.efforts]
        shown = {"id": self.id, "model": self.id, "hidden": self.hidden, "isDefault": False}
        return {**shown, "supportedReasoningEfforts": efforts}


class Rejected(Exception):
    """A call is answered with an error."""

    def __init__(self, message: str, code: int = BAD_REQUEST) -> None:
        super().__init__(message)
        self.code = code


class FakeAppServer:
    """One app-server.

    Attributes:
        habits: what threads started from now on do one way or the other.
        offers: what `model/list` gives.
        page_size: how many of them a page has.
        mcp_servers: names that its CODEX_HOME configures.
        verbosity: what its CODEX_HOME sets.
        paced: what a turn says comes by `proceed`, message by message, not by itself.
        deaf: methods whose calls are never answered.
        calls: every call it got, as (method, params).
        replies: what was replied to its own requests, by their ids.
        bodies: every request body its model was asked with, as its provider would get it.
        threads: those that are loaded, by id.
        turns: those under way, by thread id.
    """

    def __init__(self, model: Model = scripted, habits: Habits = USUAL, paced: bool = False) -> None:
        self.habits = habits
        self.offers: tuple[Offered, ...] = (Offered(),)
        self.page_size = 8
        self.mcp_servers: tuple[str, ...] = ()
        self.verbosity: str | None = None
        self.paced = paced
        self.deaf: set[str] = set()
        self.calls: MutableSequence[tuple[str, Json]] = []
        self.replies: dict[jsonrpc.Id, jsonrpc.Message] = {}
        self.bodies: MutableSequence[Json] = []
        self.threads: dict[str, Thread] = {}
        self.turns: dict[str, Turn] = {}
        self._model = model
        self._silenced: frozenset[str] = frozenset()
        self._ids = count(1)
        self._request_ids = count()

    def receive(self, line: bytes) -> list[bytes]:
        """Take one line; give the lines that answer it, each with its LF."""
        try:
            message = jsonrpc.decode(line)
        except json.Malformed:
            return []
        return [*self._take(message), *(() if self.paced else self.finish())]

    def proceed(self, thread_id: str | None = None) -> list[bytes]:
        """Let a turn say its next message: that thread's, else the first that is not waiting."""
        for id in (thread_id,) if thread_id else tuple(self.turns):
            said = self._step(id)
            if said is not None:
                return said
        return []

    def finish(self) -> list[bytes]:
        """Let every turn say all it can."""
        lines: list[bytes] = []
        for id in tuple(self.turns):
            while (said := self._step(id)) is not None:
                lines += said
        return lines

    def request(self, method: str, params: Json) -> bytes:
        """Ask the client for something of the server's own accord."""
        return jsonrpc.encode_request(next(self._request_ids), method, params)

    def asked(self, method: str) -> list[Json]:
        """Give the params of every call of a method."""
        return [params for called, params in self.calls if called == method]

    def _take(self, message: jsonrpc.Message) -> Iterator[bytes]:
        if isinstance(message, jsonrpc.Request):
            return self._called(message)
        if isinstance(message, jsonrpc.Reply | jsonrpc.ErrorReply):
            self.replies[message.id] = message
            for turn in self.turns.values():
                turn.settle(message)
        return iter(())

    def _called(self, request: jsonrpc.Request) -> Iterator[bytes]:
        self.calls.append((request.method, request.params))
        if request.method in self.deaf:
            return
        try:
            if request.method not in _METHODS:
                raise Rejected(f"Invalid request: unknown variant `{request.method}`")
            yield from _METHODS[request.method](self, request)
        except KeyError as error:
            missing = f"Invalid request: missing field `{error.args[0]}`"
            yield jsonrpc.encode_error(request.id, BAD_REQUEST, missing)
        except Rejected as error:
            yield jsonrpc.encode_error(request.id, error.code, str(error))

    # What turns say.

    def _step(self, thread_id: str) -> list[bytes] | None:
        """Let a turn say one message, which may be lost; None when it waits or is over."""
        turn = self.turns.get(thread_id)
        if turn is None:
            return None
        message = turn.proceed()
        if message is not None:
            return self._write(turn.thread, message)
        if not turn.over:
            return None
        del self.turns[thread_id]
        return [] if turn.thread.subscribed else self._unload(turn.thread)

    def _write(self, thread: Thread, message: Json) -> list[bytes]:
        lost = message["method"] in thread.habits.loses or message["method"] in self._silenced
        return [json.encode(message) + b"\n"] if thread.subscribed and not lost else []

    def _unload(self, thread: Thread) -> list[bytes]:
        del self.threads[thread.id]
        return [jsonrpc.encode_notification("thread/closed", {"threadId": thread.id})]

    # The methods.

    def _initialize(self, request: jsonrpc.Request) -> Iterator[bytes]:
        capabilities = request.params.get("capabilities") or {}
        self._silenced = frozenset(capabilities.get("optOutNotificationMethods") or ())
        yield jsonrpc.encode_reply(request.id, {"platformFamily": "unix"})

    def _config_read(self, request: jsonrpc.Request) -> Iterator[bytes]:
        servers = {name: {"command": name} for name in self.mcp_servers}
        config = {"mcp_servers": servers, "model_verbosity": self.verbosity}
        yield jsonrpc.encode_reply(request.id, {"config": config, "origins": {}})

    def _model_list(self, request: jsonrpc.Request) -> Iterator[bytes]:
        start = int(request.params.get("cursor") or 0)
        end = start + self.page_size
        page = [offer.show() for offer in self.offers[start:end]]
        cursor = str(end) if end < len(self.offers) else None
        yield jsonrpc.encode_reply(request.id, {"data": page, "nextCursor": cursor})

    def _thread_start(self, request: jsonrpc.Request) -> Iterator[bytes]:
        thread = Thread(f"thread-{next(self._ids):06}", request.params, self.habits)
        self.threads[thread.id] = thread
        result = {"thread": {"id": thread.id}, "instructionSources": list(self.habits.sources)}
        yield jsonrpc.encode_reply(request.id, result)

    def _inject_items(self, request: jsonrpc.Request) -> Iterator[bytes]:
        items, thread = request.params["items"], self._thread(request)
        yield jsonrpc.encode_reply(request.id, {})
        for params in thread.inject(items):
            yield from self._write(thread, {"method": "rawResponseItem/completed", "params": params})

    def _turn_start(self, request: jsonrpc.Request) -> Iterator[bytes]:
        thread = self._thread(request)
        if thread.id in self.turns:
            raise Rejected("failed to submit turn input: EmptyInput", INTERNAL)
        thread.set(request.params)
        turn = Turn(f"turn-{next(self._ids):06}", thread, request.params, self._answer, self._request_ids)
        self.turns[thread.id] = turn
        reply = jsonrpc.encode_reply(request.id, {"turn": turn.show()})
        started = self._step(thread.id) or []
        yield from (*started, reply) if self.habits.starts_first else (reply, *started)

    def _turn_interrupt(self, request: jsonrpc.Request) -> Iterator[bytes]:
        thread, turn_id = self._thread(request), request.params["turnId"]
        turn = self.turns.get(thread.id)
        if turn is None:
            return  # Nothing to interrupt, and no answer: not even an error.
        if turn.id != turn_id:
            raise Rejected(f"expected active turn id {turn_id} but found {turn.id}")
        for message in turn.interrupt():
            yield from self._write(thread, message)
        yield jsonrpc.encode_reply(request.id, {})
        while (said := self._step(thread.id)) is not None:
            yield from said

    def _unsubscribe(self, request: jsonrpc.Request) -> Iterator[bytes]:
        thread = self.threads.get(request.params["threadId"])
        status = "unsubscribed" if thread else "notLoaded"
        yield jsonrpc.encode_reply(request.id, {"status": status})
        if thread is not None:
            thread.subscribed = False
            if thread.id not in self.turns:
                yield from self._unload(thread)

    def _thread(self, request: jsonrpc.Request) -> Thread:
        id = request.params["threadId"]
        if id not in self.threads:
            raise Rejected(f"thread not found: {id}")
        return self.threads[id]

    def _answer(self, body: Json) -> Json:
        self.bodies.append(body)
        return self._model(body)


_METHODS: dict[str, Callable[[FakeAppServer, jsonrpc.Request], Iterator[bytes]]] = {
    "initialize": FakeAppServer._initialize,
    "config/read": FakeAppServer._config_read,
    "model/list": FakeAppServer._model_list,
    "thread/start": FakeAppServer._thread_start,
    "thread/inject_items": FakeAppServer._inject_items,
    "turn/start": FakeAppServer._turn_start,
    "turn/interrupt": FakeAppServer._turn_interrupt,
    "thread/unsubscribe": FakeAppServer._unsubscribe,
}
