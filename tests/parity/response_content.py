"""Reads responses as a client does, without codexd's encoders, so that their faults cannot cancel out."""

from collections.abc import Iterator
from typing import Any, Final, Literal, TypeAlias

from codexd.wire import json, sse
from tests.parity.client import HttpResponse

JsonObject: TypeAlias = dict[str, Any]
Progress: TypeAlias = Literal["running", "done"]

_RUNNING: Final = ("queued", "in_progress")


class UnusableResponseError(Exception):
    """A client cannot continue from the response; the message says why."""


def parse_object(response: HttpResponse) -> JsonObject:
    """Return the object that a response shows: its body, or the last Response in its stream.

    Raises:
        UnusableResponseError: when it shows none.
    """
    try:
        shown = _last_response(response) if is_stream(response) else json.decode(response.body)
    except json.JsonError:
        shown = None
    if not isinstance(shown, dict):
        raise UnusableResponseError("the response is not of the expected shape")
    return shown


def parse_progress(response: HttpResponse) -> Progress | None:
    """Return whether the Response that a response shows is running or done; None when it shows none."""
    try:
        status = parse_object(response).get("status") if response.status == 200 else None
    except UnusableResponseError:
        status = None
    if status is None:
        return None
    return "running" if status in _RUNNING else "done"


def is_stream(response: HttpResponse) -> bool:
    """Return whether a response is a stream of server-sent events."""
    return (response.header("content-type") or "").startswith("text/event-stream")


def parse_events(response: HttpResponse) -> Iterator[JsonObject]:
    """Yield the events of a stream, without the final `[DONE]`."""
    for frame in sse.SseDecoder().receive(response.body):
        if frame.data != b"[DONE]":
            yield json.decode(frame.data)


def parse_listed_ids(response: HttpResponse) -> frozenset[str]:
    """Return the ids in a list; empty when the response is not a list."""
    return frozenset(one["id"] for one in parse_object(response).get("data", ()))


def _last_response(response: HttpResponse) -> JsonObject | None:
    shown = None
    for event in parse_events(response):
        shown = event.get("response", shown)
    return shown
