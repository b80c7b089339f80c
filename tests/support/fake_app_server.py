"""A verified fake of the app-server: JSON-RPC lines in, JSON-RPC lines out, no I/O.

It sends what the real one was observed to send, in that order; `tests/live/test_fake_app_server.py`
compares the two. Its model is a callable, by default the script of `codexd.scripted.script`.
"""

from collections.abc import Callable, Iterator, MutableSequence
from itertools import count

from attrs import frozen

from codexd.wire import json, jsonrpc
from codexd.wire.json import Json
from tests.support.fake_app_server_thread import DEFAULT_BEHAVIOUR, AppServerBehaviour, ServerThread
from tests.support.fake_app_server_turn import Model, ServerTurn, scripted

BAD_REQUEST = -32600
INTERNAL = -32603


@frozen
class ListedModel:
    """One model of `model/list`."""

    id: str = "scripted"
    efforts: tuple[str, ...] = ("low", "medium", "high")
    hidden: bool = False

    def describe(self) -> Json:
        efforts = [{"reasoningEffort": effort, "description": ""} for effort in self.efforts]
        shown = {"id": self.id, "model": self.id, "hidden": self.hidden, "isDefault": False}
        return {**shown, "supportedReasoningEfforts": efforts}


class CallError(Exception):
    """The error that answers a call."""

    def __init__(self, message: str, code: int = BAD_REQUEST) -> None:
        super().__init__(message)
        self.code = code


class FakeAppServer:
    """One app-server.

    Attributes:
        behaviour: of the threads started from now on.
        models: the result of `model/list`.
        page_size: the number of models in a page.
        mcp_servers: the names of the MCP servers in its CODEX_HOME.
        verbosity: the verbosity in its CODEX_HOME.
        stepwise: turns emit messages only on `proceed` and `finish`.
        ignored_methods: methods whose calls are never answered.
        calls: the calls received, as (method, params).
        replies: the replies to its own requests, by id.
        model_requests: the request bodies sent to its model, as a provider would receive them.
        threads: the loaded threads, by id.
        turns: the turns under way, by thread id.
    """

    def __init__(
        self,
        model: Model = scripted,
        behaviour: AppServerBehaviour = DEFAULT_BEHAVIOUR,
        stepwise: bool = False,
    ) -> None:
        self.behaviour = behaviour
        self.models: tuple[ListedModel, ...] = (ListedModel(),)
        self.page_size = 8
        self.mcp_servers: tuple[str, ...] = ()
        self.verbosity: str | None = None
        self.stepwise = stepwise
        self.ignored_methods: set[str] = set()
        self.calls: MutableSequence[tuple[str, Json]] = []
        self.replies: dict[jsonrpc.RpcId, jsonrpc.RpcMessage] = {}
        self.model_requests: MutableSequence[Json] = []
        self.threads: dict[str, ServerThread] = {}
        self.turns: dict[str, ServerTurn] = {}
        self._model = model
        self._silenced: frozenset[str] = frozenset()
        self._ids = count(1)
        self._request_ids = count()

    def receive(self, line: bytes) -> list[bytes]:
        """Feed one line and return the lines that answer it, each with its LF."""
        try:
            message = jsonrpc.decode(line)
        except json.JsonError:
            return []
        return [*self._take(message), *(() if self.stepwise else self.finish())]

    def proceed(self, thread_id: str | None = None) -> list[bytes]:
        """Emit the next message of this thread's turn, else of the first turn that is not waiting."""
        for id in (thread_id,) if thread_id else tuple(self.turns):
            said = self._step(id)
            if said is not None:
                return said
        return []

    def finish(self) -> list[bytes]:
        """Emit all messages of all turns, up to where they wait."""
        lines: list[bytes] = []
        for id in tuple(self.turns):
            while (said := self._step(id)) is not None:
                lines += said
        return lines

    def request(self, method: str, params: Json) -> bytes:
        """Build a request of the server to the client."""
        return jsonrpc.encode_request(next(self._request_ids), method, params)

    def calls_to(self, method: str) -> list[Json]:
        """Return the params of every call of a method."""
        return [params for called, params in self.calls if called == method]

    def _take(self, message: jsonrpc.RpcMessage) -> Iterator[bytes]:
        if isinstance(message, jsonrpc.RpcRequest):
            return self._called(message)
        if isinstance(message, jsonrpc.RpcResponse | jsonrpc.RpcErrorResponse):
            self.replies[message.id] = message
            for turn in self.turns.values():
                turn.record_reply(message)
        return iter(())

    def _called(self, request: jsonrpc.RpcRequest) -> Iterator[bytes]:
        self.calls.append((request.method, request.params))
        if request.method in self.ignored_methods:
            return
        try:
            if request.method not in _METHODS:
                raise CallError(f"Invalid request: unknown variant `{request.method}`")
            yield from _METHODS[request.method](self, request)
        except KeyError as error:
            missing = f"Invalid request: missing field `{error.args[0]}`"
            yield jsonrpc.encode_error(request.id, BAD_REQUEST, missing)
        except CallError as error:
            yield jsonrpc.encode_error(request.id, error.code, str(error))

    # Turns.

    def _step(self, thread_id: str) -> list[bytes] | None:
        """Emit one message of a turn: None if it waits or is over, empty if the message is lost."""
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

    def _write(self, thread: ServerThread, message: Json) -> list[bytes]:
        lost = message["method"] in thread.behaviour.loses or message["method"] in self._silenced
        return [json.encode(message) + b"\n"] if thread.subscribed and not lost else []

    def _unload(self, thread: ServerThread) -> list[bytes]:
        del self.threads[thread.id]
        return [jsonrpc.encode_notification("thread/closed", {"threadId": thread.id})]

    # The methods.

    def _initialize(self, request: jsonrpc.RpcRequest) -> Iterator[bytes]:
        capabilities = request.params.get("capabilities") or {}
        self._silenced = frozenset(capabilities.get("optOutNotificationMethods") or ())
        yield jsonrpc.encode_response(request.id, {"platformFamily": "unix"})

    def _config_read(self, request: jsonrpc.RpcRequest) -> Iterator[bytes]:
        servers = {name: {"command": name} for name in self.mcp_servers}
        config = {"mcp_servers": servers, "model_verbosity": self.verbosity}
        yield jsonrpc.encode_response(request.id, {"config": config, "origins": {}})

    def _model_list(self, request: jsonrpc.RpcRequest) -> Iterator[bytes]:
        start = int(request.params.get("cursor") or 0)
        end = start + self.page_size
        page = [offer.describe() for offer in self.models[start:end]]
        cursor = str(end) if end < len(self.models) else None
        yield jsonrpc.encode_response(request.id, {"data": page, "nextCursor": cursor})

    def _loaded_list(self, request: jsonrpc.RpcRequest) -> Iterator[bytes]:
        limit = request.params.get("limit")
        yield jsonrpc.encode_response(request.id, {"data": list(self.threads)[:limit], "nextCursor": None})

    def _thread_start(self, request: jsonrpc.RpcRequest) -> Iterator[bytes]:
        thread = ServerThread(f"thread-{next(self._ids):06}", request.params, self.behaviour)
        self.threads[thread.id] = thread
        result = {"thread": {"id": thread.id}, "instructionSources": list(self.behaviour.sources)}
        yield jsonrpc.encode_response(request.id, result)

    def _inject_items(self, request: jsonrpc.RpcRequest) -> Iterator[bytes]:
        items, thread = request.params["items"], self._thread(request)
        yield jsonrpc.encode_response(request.id, {})
        for params in thread.inject(items):
            yield from self._write(thread, {"method": "rawResponseItem/completed", "params": params})

    def _turn_start(self, request: jsonrpc.RpcRequest) -> Iterator[bytes]:
        thread = self._thread(request)
        if thread.id in self.turns:
            raise CallError("failed to submit turn input: EmptyInput", INTERNAL)
        thread.set(request.params)
        turn = ServerTurn(f"turn-{next(self._ids):06}", thread, request.params, self._answer, self._request_ids)
        self.turns[thread.id] = turn
        reply = jsonrpc.encode_response(request.id, {"turn": turn.describe()})
        started = self._step(thread.id) or []
        yield from (*started, reply) if self.behaviour.starts_first else (reply, *started)

    def _turn_interrupt(self, request: jsonrpc.RpcRequest) -> Iterator[bytes]:
        thread, turn_id = self._thread(request), request.params["turnId"]
        turn = self.turns.get(thread.id)
        if turn is None:
            return  # Like the real one: no answer, not even an error.
        if turn.id != turn_id:
            raise CallError(f"expected active turn id {turn_id} but found {turn.id}")
        for message in turn.interrupt():
            yield from self._write(thread, message)
        yield jsonrpc.encode_response(request.id, {})
        while (said := self._step(thread.id)) is not None:
            yield from said

    def _unsubscribe(self, request: jsonrpc.RpcRequest) -> Iterator[bytes]:
        thread = self.threads.get(request.params["threadId"])
        status = "unsubscribed" if thread else "notLoaded"
        yield jsonrpc.encode_response(request.id, {"status": status})
        if thread is not None:
            thread.subscribed = False
            if thread.id not in self.turns:
                yield from self._unload(thread)

    def _thread(self, request: jsonrpc.RpcRequest) -> ServerThread:
        id = request.params["threadId"]
        if id not in self.threads:
            raise CallError(f"thread not found: {id}")
        return self.threads[id]

    def _answer(self, body: Json) -> Json:
        self.model_requests.append(body)
        return self._model(body)


_METHODS: dict[str, Callable[[FakeAppServer, jsonrpc.RpcRequest], Iterator[bytes]]] = {
    "initialize": FakeAppServer._initialize,
    "config/read": FakeAppServer._config_read,
    "model/list": FakeAppServer._model_list,
    "thread/loaded/list": FakeAppServer._loaded_list,
    "thread/start": FakeAppServer._thread_start,
    "thread/inject_items": FakeAppServer._inject_items,
    "turn/start": FakeAppServer._turn_start,
    "turn/interrupt": FakeAppServer._turn_interrupt,
    "thread/unsubscribe": FakeAppServer._unsubscribe,
}
