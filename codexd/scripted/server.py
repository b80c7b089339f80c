"""The scripted model as an HTTP server: a provider in two dialects, moved by its input alone."""

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from attrs import field, frozen
from twisted.internet.interfaces import IReactorTime
from twisted.web.http import Request
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site

from codexd.scripted import chat, errors, intake, responses
from codexd.scripted.errors import Error, Rejected
from codexd.scripted.plan import Answer, Cut, Failed, Garbled, Refused, Silent
from codexd.scripted.pump import Pump
from codexd.scripted.question import MODEL
from codexd.wire import sse
from codexd.wire.json import Json, Malformed, decode, encode

MOST_ASKED = 200
"""Requests kept for the tests to look at."""

MOST_ASKED_BYTES = 64 * 1024 * 1024
"""Bytes kept of their bodies, all together."""

_KEPT_HEADERS = (
    "authorization",
    "content-encoding",
    "content-type",
    "originator",
    "user-agent",
    "x-request-id",
)

_CARD = {"id": MODEL, "object": "model", "created": 0, "owned_by": "codexd"}
_CARDS = {"object": "list", "data": [_CARD], "models": []}
"""OpenAI's list, and an empty list in the shape Codex looks for."""

_Dialect: TypeAlias = Callable[[Mapping[str, Json], float], Answer]

_DIALECTS: dict[bytes, _Dialect] = {
    b"/v1/responses": responses.answer,
    b"/v1/chat/completions": chat.answer,
}
_DOCUMENTS: dict[bytes, bytes] = {
    b"/v1/models": encode(_CARDS),
    b"/v1/models/" + MODEL.encode(): encode(_CARD),
}


@frozen
class Asked:
    """One request as it came."""

    path: str
    headers: Mapping[str, str] = field(repr=False)
    raw: bytes = field(repr=False)
    """The body, decompressed."""

    @property
    def body(self) -> Json:
        """The body, decoded."""
        return decode(self.raw)


class ScriptedModel(Resource):
    """The provider. It keeps what it was asked, for tests to look at the provider's side.

    Attributes:
        asked: the last requests for an answer, oldest first, bounded by count and by bytes.
    """

    isLeaf = True

    def __init__(self, clock: IReactorTime) -> None:
        super().__init__()
        self.asked: deque[Asked] = deque()
        self._asked_bytes = 0
        self._clock = clock
        self._open: set[Request] = set()

    @property
    def open(self) -> int:
        """How many answers are on their way (or silent, with a client that still waits)."""
        return len(self._open)

    def close(self) -> None:
        """Cut every answer that is on its way, at once."""
        for request in tuple(self._open):
            transport: Any = request.transport
            transport.abortConnection()

    def render(self, request: Request) -> int:
        """Answer one request."""
        try:
            self._route(request)
        except Rejected as rejected:
            _refuse(request, rejected.error)
        except Malformed as malformed:
            _refuse(request, Error(400, f"The body cannot be repeated: {malformed}"))
        return NOT_DONE_YET

    def _route(self, request: Request) -> None:
        document = _DOCUMENTS.get(request.path)
        if document is not None:
            _require(request, b"GET")
            return _send(request, 200, document)
        dialect = _DIALECTS.get(request.path)
        if dialect is None:
            raise Rejected(Error(404, "There is nothing here.", code="unknown_url"))
        _require(request, b"POST")
        raw = intake.read(request)
        body = intake.parse(raw)
        self._remember(request, raw)
        return self._reply(request, dialect(body, self._clock.seconds()))

    def _remember(self, request: Request, raw: bytes) -> None:
        found = {name: request.getHeader(name) for name in _KEPT_HEADERS}
        headers = {name: value for name, value in found.items() if value is not None}
        self.asked.append(Asked(request.path.decode(), headers, raw))
        self._asked_bytes += len(raw)
        while len(self.asked) > MOST_ASKED or self._asked_bytes > MOST_ASKED_BYTES:
            self._asked_bytes -= len(self.asked.popleft().raw)

    def _reply(self, request: Request, answer: Answer) -> None:
        plan = answer.plan
        request.setHeader(b"x-request-id", plan.identifier("req"))
        if isinstance(plan.ending, Refused):
            return _refuse(request, errors.of_status(plan.ending.status))
        if isinstance(plan.ending, Failed) and not answer.streamed:
            return _refuse(request, errors.of_code(plan.ending.code))
        self._open.add(request)
        request.notifyFinish().addBoth(lambda _: self._open.discard(request))
        return self._stream(request, answer) if answer.streamed else self._whole(request, answer)

    def _stream(self, request: Request, answer: Answer) -> None:
        request.setHeader(b"content-type", b"text/event-stream; charset=utf-8")
        request.setHeader(b"cache-control", b"no-cache")
        end = _ENDS.get(type(answer.plan.ending), Request.finish)
        Pump(self._clock, request, answer.frames(), answer.plan.pace_seconds, end).start()

    def _whole(self, request: Request, answer: Answer) -> None:
        end = _ENDS.get(type(answer.plan.ending))
        if end is not None:
            return end(request)
        seconds = answer.plan.pauses_seconds
        if not seconds:
            return _send(request, 200, answer.whole())
        timer = self._clock.callLater(seconds, lambda: _send(request, 200, answer.whole()))
        request.notifyFinish().addErrback(lambda _: timer.cancel())
        return None


def _garble(request: Request) -> None:
    request.write(sse.frame(b'{"garbled":'))
    request.finish()


_ENDS: dict[type, Callable[[Request], None]] = {
    Cut: Request.loseConnection,
    Garbled: _garble,
    Silent: lambda request: None,
}
"""The endings at which a request is not finished as it should be."""


class ScriptedSite(Site):
    """The site: bodies are bounded, nothing is logged."""

    def log(self, request: Request) -> None:
        """Keep no access log: the model sits beside benchmarks, and prompts stay unseen."""


def scripted_site(clock: IReactorTime, model: ScriptedModel | None = None) -> Site:
    """Make the factory to listen with.

    Args:
        clock: the reactor, or a fake one.
        model: the model to serve, when its `asked` is wanted; else a new one.
    """
    return ScriptedSite(model or ScriptedModel(clock), requestFactory=intake.BoundedRequest, reactor=clock)


def _require(request: Request, method: bytes) -> None:
    if request.method != method:
        name = method.decode()
        raise Rejected(Error(405, f"Only {name} is understood here.", code="method_not_allowed", allow=name))


def _refuse(request: Request, error: Error) -> None:
    if error.allow:
        request.setHeader(b"allow", error.allow)
    if error.status == 429:
        request.setHeader(b"retry-after", str(errors.RETRY_AFTER_SECONDS))
    _send(request, error.status, error.body)


def _send(request: Request, status: int, body: bytes) -> None:
    request.setResponseCode(status)
    request.setHeader(b"content-type", b"application/json")
    request.setHeader(b"content-length", str(len(body)))
    request.write(body)
    request.finish()
