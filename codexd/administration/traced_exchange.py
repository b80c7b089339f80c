"""Reads a file of the trace buffer: the request, the response, and what upstreams were sent."""

from base64 import b64decode
from pathlib import Path
from typing import Any, Final

from codexd.context import CLIENT_DISCONNECTED, SLOW_CLIENT
from codexd.observe.trace_document import FORMAT
from codexd.transcripts.scenario_file import Exchange
from codexd.wire import json

_OWN_HEADERS: Final = ("x-codexd-", "x-proxy-")
"""What the names of headers begin with that change how codexd answers."""

_CUT: Final = (CLIENT_DISCONNECTED, SLOW_CLIENT)
"""The outcomes of requests whose response was not sent to its end."""


class TraceFormatError(Exception):
    """A file is not a trace that can be replayed; the message is shown to the user."""


def read_exchange(path: Path) -> tuple[dict[str, Any], Exchange]:
    """Return the story of a traced request, and its exchange.

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
    if document["response"] is None:
        raise TraceFormatError(f"{path} has no response: it is the trace of a background response")
    return document["story"], _decode_exchange(document)


def _decode_exchange(document: dict[str, Any]) -> Exchange:
    request, response, messages = document["request"], document["response"], document["messages"]
    headers = tuple((name, value) for name, value in request["headers"] if name.lower().startswith(_OWN_HEADERS))
    return Exchange(
        method=request["method"],
        path=request["path"],
        headers=headers,
        body=_decode_data(request),
        status=response["status"],
        response_headers=tuple((name, value) for name, value in response["headers"]),
        response_body=b"".join(_decode_data(one) for one in messages if one["channel"] == "to_client"),
        complete=not document["truncated"] and document["story"]["outcome"] not in _CUT,
        provider_bodies=[body for one in messages if one["channel"] == "to_upstream" for body in _decode_object(one)],
    )


def _decode_data(message: dict[str, Any]) -> bytes:
    return b64decode(message["base64"]) if "base64" in message else str(message["text"]).encode()


def _decode_object(message: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the JSON object of a message, or nothing if it is something else."""
    try:
        body = json.decode(_decode_data(message))
    except json.JsonError:
        return []
    return [body] if isinstance(body, dict) else []
