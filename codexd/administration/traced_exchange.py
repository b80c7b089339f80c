"""Reads a file of the trace buffer: the request, the response, and what upstreams were sent."""

import time
from base64 import b64decode
from collections.abc import Callable, Iterable
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, NoReturn

from attrs import field, frozen
from cattrs import BaseValidationError, Converter

from codexd.context import CLIENT_DISCONNECTED, SLOW_CLIENT
from codexd.observe.trace_document import FORMAT
from codexd.transcripts.scenario_file import Exchange
from codexd.wire import json

_OWN_HEADERS: Final = ("x-codexd-", "x-proxy-")
"""What the names of headers begin with that change how codexd answers."""

_CUT: Final = (CLIENT_DISCONNECTED, SLOW_CLIENT)
"""The outcomes of requests whose response was not sent to its end."""

_Headers = tuple[tuple[str, str], ...]


class TraceFormatError(Exception):
    """A file is not a trace that can be shown or replayed; the message is shown to the user."""


def _check_time(_: object, __: object, value: float) -> None:
    time.gmtime(value)


@frozen(kw_only=True)
class TracedStory:
    """What a replay needs of the request's story.

    Attributes:
        id: the id of the request.
        time: when it arrived, in Unix seconds.
        outcome: how it ended.
        backend: what answered it.
    """

    id: str
    time: float = field(validator=_check_time)
    outcome: str | None
    backend: str | None


@frozen(kw_only=True)
class _Data:
    text: str | None = None
    base64: str | None = None

    def decode(self) -> bytes:
        """Return the bytes, which are text or base64."""
        return b64decode(self.base64 or "", validate=True) if self.text is None else self.text.encode()


@frozen(kw_only=True)
class _Request(_Data):
    method: str
    path: str
    headers: _Headers


@frozen(kw_only=True)
class _Response:
    status: HTTPStatus
    headers: _Headers


@frozen(kw_only=True)
class _Message(_Data):
    channel: str


@frozen(kw_only=True)
class _Trace:
    format: int
    story: TracedStory
    request: _Request
    response: _Response
    messages: tuple[_Message, ...]
    truncated: bool


def _structure_exactly(value: json.Json, kind: type) -> json.Json:
    # cattrs would convert any value.
    if type(value) is not kind:
        raise TypeError(f"{type(value).__name__} where {kind.__name__} is expected")
    return value


def _build_converter() -> Converter:
    converter = Converter(detailed_validation=False)
    for kind in (str, bool):
        converter.register_structure_hook(kind, _structure_exactly)
    return converter


_CONVERTER: Final = _build_converter()

_MISFITS: Final = (
    BaseValidationError, KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError, OSError,
)  # fmt: skip
"""What a document of another form raises."""


def read_exchange(path: Path) -> tuple[TracedStory, Exchange]:
    """Return the story of a traced request, and its exchange.

    Raises:
        TraceFormatError: with the reason.
    """
    document = read_document(path)
    if document.get("response", "") is None:
        raise TraceFormatError(f"{path} has no response: it is the trace of a background response")
    try:
        trace = _CONVERTER.structure(document, _Trace)
        return trace.story, _build_exchange(trace)
    except _MISFITS as error:
        _fail(path, error)


def read_document(path: Path) -> dict[str, Any]:
    """Return the content of a file of the trace buffer, whose members are unchecked.

    Raises:
        TraceFormatError: with the reason.
    """
    try:
        document = json.decode(path.read_bytes())
    except OSError as error:
        raise TraceFormatError(f"{path}: {error.strerror}") from error
    except json.JsonError as error:
        raise TraceFormatError(f"{path} is not a file of the trace buffer: {error}") from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise TraceFormatError(f"{path} is not a file of the trace buffer, or one of another version of codexd")
    return document


def render_document(path: Path, render: Callable[[dict[str, Any]], Iterable[str]]) -> list[str]:
    """Return what `render` makes of a file of the trace buffer.

    Raises:
        TraceFormatError: if it has another form.
    """
    document = read_document(path)
    try:
        return list(render(document))
    except _MISFITS as error:
        _fail(path, error)


def _fail(path: Path, error: Exception) -> NoReturn:
    """Raise the error of a file with missing members, or some of other types."""
    reason = f"{type(error).__name__}: {error}".removesuffix(": ")
    raise TraceFormatError(f"{path} is not a complete file of the trace buffer ({reason})") from error


def _build_exchange(trace: _Trace) -> Exchange:
    request, response, messages = trace.request, trace.response, trace.messages
    return Exchange(
        method=request.method,
        path=request.path,
        headers=tuple(one for one in request.headers if one[0].lower().startswith(_OWN_HEADERS)),
        body=request.decode(),
        status=int(response.status),
        response_headers=response.headers,
        response_body=b"".join(one.decode() for one in messages if one.channel == "to_client"),
        complete=not trace.truncated and trace.story.outcome not in _CUT,
        provider_bodies=[body for one in messages if one.channel == "to_upstream" for body in _decode_object(one)],
    )


def _decode_object(message: _Message) -> list[dict[str, Any]]:
    """Return the JSON object of a message, or nothing if it is something else."""
    try:
        body = json.decode(message.decode())
    except json.JsonError:
        return []
    return [body] if isinstance(body, dict) else []
