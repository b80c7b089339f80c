"""Answers as they come over the wire."""

from codexd.wire import json, sse
from codexd.wire.json import Json
from tests.parity.client import Response


def answered(body: Json, status: int = 200) -> Response:
    """Give an answer with a JSON body."""
    return Response((f"HTTP/1.1 {status} X", "Content-Type: application/json"), json.encode(body), whole=True)


def told(*events: Json) -> Response:
    """Give an answer that is a stream."""
    head = ("HTTP/1.1 200 OK", "Content-Type: text/event-stream; charset=utf-8")
    return Response(head, b"".join(sse.frame(json.encode(event)) for event in events), whole=True)
