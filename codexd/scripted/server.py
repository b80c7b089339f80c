"""The HTTP server of the scripted model. Answers depend only on the requests."""

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from attrs import field, frozen
from twisted.internet.interfaces import IReactorTime
from twisted.web.http import Request
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site

from codexd.scripted import chat, errors, request_body, responses
from codexd.scripted.answer_plan import (
    DialectAnswer,
    DisconnectedEnding,
    FailedEnding,
    GarbledEnding,
    RejectedEnding,
    SilentEnding,
)
from codexd.scripted.errors import ErrorEnvelope, RequestRejectedError
from codexd.scripted.frame_writer import FrameWriter
from codexd.scripted.prompt import MODEL
from codexd.wire import sse
from codexd.wire.json import Json, JsonError, decode, encode

MAX_RECORDED_REQUESTS = 200
"""The maximum number of requests in `ScriptedModel.received`."""

MAX_RECORDED_BYTES = 64 * 1024 * 1024
"""The maximum total size of their bodies."""

_RECORDED_HEADERS = (
    "authorization",
    "content-encoding",
    "content-type",
    "originator",
    "user-agent",
    "x-request-id",
)

_MODEL = {"id": MODEL, "object": "model", "created": 0, "owned_by": "codexd"}
_MODEL_LIST = {"object": "list", "data": [_MODEL], "models": []}
"""OpenAI's list, and the empty `models` list that Codex expects."""

_Dialect: TypeAlias = Callable[[Mapping[str, Json], float], DialectAnswer]

_DIALECTS: dict[bytes, _Dialect] = {
    b"/v1/responses": responses.build_answer,
    b"/v1/chat/completions": chat.build_answer,
}
_DOCUMENTS: dict[bytes, bytes] = {
    b"/v1/models": encode(_MODEL_LIST),
    b"/v1/models/" + MODEL.encode(): encode(_MODEL),
}


@frozen
class RecordedRequest:
    """One received request."""

    path: str
    headers: Mapping[str, str] = field(repr=False)
    raw: bytes = field(repr=False)
    """The decompressed body."""

    @property
    def body(self) -> Json:
        """The decoded body."""
        return decode(self.raw)


class ScriptedModel(Resource):
    """The provider. Records its requests, so that tests can inspect them.

    Attributes:
        received: the last requests, oldest first, limited by number and by bytes.
    """

    isLeaf = True

    def __init__(self, clock: IReactorTime) -> None:
        super().__init__()
        self.received: deque[RecordedRequest] = deque()
        self._received_bytes = 0
        self._clock = clock
        self._open: set[Request] = set()

    @property
    def open(self) -> int:
        """The number of unfinished answers, including those that send nothing more."""
        return len(self._open)

    def close(self) -> None:
        """Abort the connections of all unfinished answers."""
        for request in tuple(self._open):
            transport: Any = request.transport
            transport.abortConnection()

    def render(self, request: Request) -> int:
        """Handle one request (IResource)."""
        try:
            self._route(request)
        except RequestRejectedError as error:
            _send_error(request, error.error)
        except JsonError as error:
            _send_error(request, ErrorEnvelope(status=400, message=f"The body cannot be encoded again: {error}"))
        return NOT_DONE_YET

    def _route(self, request: Request) -> None:
        document = _DOCUMENTS.get(request.path)
        if document is not None:
            _require_method(request, b"GET")
            return _send(request, 200, document)
        dialect = _DIALECTS.get(request.path)
        if dialect is None:
            raise RequestRejectedError(ErrorEnvelope(status=404, message="Unknown request URL.", code="unknown_url"))
        _require_method(request, b"POST")
        raw = request_body.read(request)
        body = request_body.parse(raw)
        self._record(request, raw)
        return self._answer(request, dialect(body, self._clock.seconds()))

    def _record(self, request: Request, raw: bytes) -> None:
        found = {name: request.getHeader(name) for name in _RECORDED_HEADERS}
        headers = {name: value for name, value in found.items() if value is not None}
        self.received.append(RecordedRequest(request.path.decode(), headers, raw))
        self._received_bytes += len(raw)
        while len(self.received) > MAX_RECORDED_REQUESTS or self._received_bytes > MAX_RECORDED_BYTES:
            self._received_bytes -= len(self.received.popleft().raw)

    def _answer(self, request: Request, answer: DialectAnswer) -> None:
        plan = answer.plan
        request.setHeader(b"x-request-id", plan.make_id("req"))
        if isinstance(plan.ending, RejectedEnding):
            return _send_error(request, errors.error_for_status(plan.ending.status, plan.ending.code))
        if isinstance(plan.ending, FailedEnding) and not answer.is_streamed:
            return _send_error(request, errors.error_for_code(plan.ending.code))
        self._open.add(request)
        request.notifyFinish().addBoth(lambda _: self._open.discard(request))
        return self._stream(request, answer) if answer.is_streamed else self._send_whole(request, answer)

    def _stream(self, request: Request, answer: DialectAnswer) -> None:
        request.setHeader(b"content-type", b"text/event-stream; charset=utf-8")
        request.setHeader(b"cache-control", b"no-cache")
        end = _ABNORMAL_ENDS.get(type(answer.plan.ending), Request.finish)
        FrameWriter(
            clock=self._clock,
            request=request,
            frames=answer.frames(),
            pace_seconds=answer.plan.pace_seconds,
            end_response=end,
        ).start()

    def _send_whole(self, request: Request, answer: DialectAnswer) -> None:
        end = _ABNORMAL_ENDS.get(type(answer.plan.ending))
        if end is not None:
            return end(request)
        seconds = answer.plan.total_pause_seconds
        if not seconds:
            return _send(request, 200, answer.render())
        timer = self._clock.callLater(seconds, lambda: _send(request, 200, answer.render()))
        request.notifyFinish().addErrback(lambda _: timer.cancel())
        return None


def _send_garbled(request: Request) -> None:
    request.write(sse.encode_frame(b'{"garbled":'))
    request.finish()


_ABNORMAL_ENDS: dict[type, Callable[[Request], None]] = {
    DisconnectedEnding: Request.loseConnection,
    GarbledEnding: _send_garbled,
    SilentEnding: lambda request: None,
}
"""The endings that do not finish the response normally."""


class ScriptedSite(Site):
    """The site: limits bodies and writes no access log."""

    def log(self, request: Request) -> None:
        """Write no access log: it would slow benchmarks, and prompts must not be logged."""


def build_site(clock: IReactorTime, model: ScriptedModel | None = None) -> Site:
    """Build the site to listen with.

    Args:
        clock: the reactor, or a fake clock.
        model: the model to serve, to access its `received`; None creates one.
    """
    return ScriptedSite(model or ScriptedModel(clock), requestFactory=request_body.BoundedRequest, reactor=clock)


def _require_method(request: Request, method: bytes) -> None:
    if request.method != method:
        name = method.decode()
        raise RequestRejectedError(
            ErrorEnvelope(
                status=405, message=f"Only {name} is allowed for this URL.", code="method_not_allowed", allow=name
            )
        )


def _send_error(request: Request, error: ErrorEnvelope) -> None:
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
