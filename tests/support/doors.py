"""The front doors as a client walks through them: what it asks, and what it makes of a stream."""

from collections.abc import Callable, Iterable
from typing import Any, Final

from attrs import frozen

from codexd.fronts import chat, completions, responses
from codexd.fronts.exchange import Exchange, Stamp, Terms
from codexd.fronts.modes import HEADER, TOOL_EVENTS
from codexd.neutral.event import Event
from codexd.neutral.reply import fold
from codexd.wire import json
from codexd.wire.json import Json
from codexd.wire.sse import Reader
from tests.support import chat_stream, responses_stream
from tests.support import completions as legacy

STAMP: Final = Stamp("00ff", 1700000000, "m1")
_ASKED: Final = {"model": "m1", "stream_options": {"include_usage": True}}


@frozen
class Door:
    """One way in.

    Attributes:
        path: where it is.
        body: what is asked there, but for `stream` and tools.
        decode: reads it.
        added: makes of a stream's bytes what the answer in one piece would have been.
        error: finds what a stream's bytes say that went wrong.
        headers: of the request.
        modes: what they turn on.
    """

    name: str
    path: str
    body: dict[str, Json]
    decode: Callable[[bytes, Terms], Exchange]
    added: Callable[[bytes], Json]
    error: Callable[[bytes], str]
    headers: dict[str, str]
    modes: frozenset[str] = frozenset()

    @property
    def exchange(self) -> Exchange:
        """The request, decoded."""
        return self.decode(json.encode(self.body | {"stream": True}), Terms("p", self.modes))

    def stream(self, events: Iterable[Event]) -> bytes:
        """Give the stream of an answer."""
        encoder = self.exchange.encoder(STAMP)
        return b"".join(frame for event in events for frame in encoder.feed(event))

    def whole(self, events: Iterable[Event]) -> bytes:
        """Give the body of an answer in one piece."""
        return self.exchange.render((fold(events),), STAMP)


def _chat_error(stream: bytes) -> str:
    error = chat_stream.read(stream).error
    assert error is not None
    return str(error["message"])


def _response_error(stream: bytes) -> str:
    return str(responses_stream.read(stream)[-1]["response"]["error"]["message"])


def _chunks(stream: bytes) -> list[dict[str, Any]]:
    data = [frame.data for frame in Reader().receive(stream)]
    assert data.pop() == b"[DONE]"
    return [json.decode(one) for one in data]


_RESPONSES: Final = (
    "/v1/responses",
    {"model": "m1", "input": "hi", "include": ["reasoning.encrypted_content"]},
    responses.decode,
    lambda stream: responses_stream.accumulate(responses_stream.read(stream)),
    _response_error,
)
DOORS: Final = (
    Door(
        "chat",
        "/v1/chat/completions",
        _ASKED | {"messages": [{"role": "user", "content": "hi"}]},
        chat.decode,
        lambda stream: chat_stream.merge(chat_stream.read(stream).chunks),
        _chat_error,
        {},
    ),
    Door("responses", *_RESPONSES, {}),
    Door("tool events", *_RESPONSES, {HEADER: TOOL_EVENTS}, frozenset((TOOL_EVENTS,))),
    Door(
        "completions",
        "/v1/completions",
        _ASKED | {"prompt": "hi", "echo": True},
        completions.decode,
        lambda stream: legacy.merge(_chunks(stream)),
        _chat_error,
        {},
    ),
)
