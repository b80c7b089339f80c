"""An answer as a client reads it, and not with codexd's own fronts: their faults must not cancel out."""

from collections.abc import Iterator
from typing import Any, Final, Literal, TypeAlias

from codexd.wire import json, sse
from tests.parity.client import Response

Object: TypeAlias = dict[str, Any]
Standing: TypeAlias = Literal["running", "over"]

_RUNNING: Final = ("queued", "in_progress")


class Unanswerable(Exception):
    """The answer is not one that a client could go on from; the message says why."""


def said(answer: Response) -> Object:
    """Give what an answer says as one object: its body, or the last Response that its stream shows.

    Raises:
        Unanswerable: when it says nothing of the kind.
    """
    try:
        shown = _last_shown(answer) if streamed(answer) else json.decode(answer.body)
    except json.Malformed:
        shown = None
    if not isinstance(shown, dict):
        raise Unanswerable("the answer has not the shape of one")
    return shown


def standing(answer: Response) -> Standing | None:
    """Tell how far the Response has come that an answer shows; None when it shows none."""
    try:
        status = said(answer).get("status") if answer.status == 200 else None
    except Unanswerable:
        status = None
    if status is None:
        return None
    return "running" if status in _RUNNING else "over"


def streamed(answer: Response) -> bool:
    """Tell whether an answer is a stream of events."""
    return (answer.header("content-type") or "").startswith("text/event-stream")


def events(answer: Response) -> Iterator[Object]:
    """Give the events of a stream."""
    for frame in sse.Reader().receive(answer.body):
        if frame.data != b"[DONE]":
            yield json.decode(frame.data)


def listed(answer: Response) -> frozenset[str]:
    """Give the ids of what an answer lists; nothing when it is no list."""
    return frozenset(one["id"] for one in said(answer).get("data", ()))


def _last_shown(answer: Response) -> Object | None:
    shown = None
    for event in events(answer):
        shown = event.get("response", shown)
    return shown
