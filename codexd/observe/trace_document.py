"""Builds the JSON document of a trace, without keys."""

from base64 import b64encode
from typing import Any, Final

from codexd import __version__
from codexd.observe.trace_redaction import Redaction
from codexd.request_trace import Headers, RequestTrace, TracedMessage, TracedRequest
from codexd.wire import json
from codexd.wire.inflate import DecodingError, inflate

FORMAT: Final = 1
"""Version of the documents; raised when they change in a way that a reader must know."""

_ENCODING: Final = b"content-encoding"
_MAX_BODY_BYTES: Final = 64 * 2**20


def encode_trace(trace: RequestTrace, story: dict[str, Any], began: float) -> bytes:
    """Encode a trace; it takes as long as the trace is large, so it runs in a thread.

    Args:
        trace: the trace of a request that is over.
        story: the request and its timeline (`codexd.observe.request_story.render_story`).
        began: when the request arrived, on the reactor's clock.
    """
    redaction = Redaction(trace.request.headers, trace.secrets)
    document = {
        "format": FORMAT,
        "codexd": __version__,
        "story": story,
        "request": _render_request(trace.request, redaction),
        "response": _render_response(trace, redaction),
        "messages": [_render_message(message, redaction, began) for message in trace.messages],
        "truncated": trace.is_truncated,
    }
    return json.encode(document)


def _render_request(request: TracedRequest, redaction: Redaction) -> dict[str, Any]:
    headers, body = _decompress(request)
    return {
        "method": _text(request.method),
        "path": _text(redaction.apply_to_url(request.path)),
        "headers": _render_headers(headers, redaction),
        **_render_data(redaction.apply(body)),
    }


def _decompress(request: TracedRequest) -> tuple[Headers, bytes]:
    """Return the headers and the body of a request without its content encoding; keys are not found inside of one.

    A body that cannot be decompressed is left out.
    """
    encodings = b",".join(value for name, value in request.headers if name.lower() == _ENCODING)
    if not encodings:
        return request.headers, request.body
    headers = tuple((name, value) for name, value in request.headers if name.lower() != _ENCODING)
    try:
        return headers, inflate(encodings.decode("latin-1"), request.body, _MAX_BODY_BYTES)
    except DecodingError:
        return headers, b""


def _render_response(trace: RequestTrace, redaction: Redaction) -> dict[str, Any] | None:
    if trace.response is None:
        return None
    status, headers = trace.response
    return {"status": status, "headers": _render_headers(headers, redaction)}


def _render_headers(headers: Headers, redaction: Redaction) -> list[list[str]]:
    return [[_text(name), _text(value)] for name, value in redaction.apply_to_headers(headers)]


def _render_message(message: TracedMessage, redaction: Redaction, began: float) -> dict[str, Any]:
    return {
        "at_milliseconds": round((message.at - began) * 1000, 1),
        "channel": message.channel,
        "label": message.label,
        **_render_data(redaction.apply(message.data)),
    }


def _render_data(data: bytes) -> dict[str, str]:
    try:
        return {"text": data.decode()}
    except UnicodeDecodeError:
        return {"base64": b64encode(data).decode("ascii")}


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")
