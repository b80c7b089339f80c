"""Builds responses as the client receives them."""

from codexd.wire import json, sse
from codexd.wire.json import Json
from tests.parity.client import HttpResponse


def json_response(body: Json, status: int = 200) -> HttpResponse:
    """Return a response with a JSON body."""
    return HttpResponse((f"HTTP/1.1 {status} X", "Content-Type: application/json"), json.encode(body), complete=True)


def event_stream(*events: Json) -> HttpResponse:
    """Return a response that is a stream of events."""
    head = ("HTTP/1.1 200 OK", "Content-Type: text/event-stream; charset=utf-8")
    return HttpResponse(head, b"".join(sse.encode_frame(json.encode(event)) for event in events), complete=True)
