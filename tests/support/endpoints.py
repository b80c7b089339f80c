"""The answering endpoints from a client's side: their requests, and how a client merges their streams."""

from collections.abc import Callable, Iterable
from typing import Any, Final

from attrs import evolve, frozen

from codexd.fronts import chat, completions, responses
from codexd.fronts.compatibility import HEADER, TOOL_EVENTS
from codexd.fronts.dialect import DecodedRequest, Dialect, RequestOptions, ResponseIdentity
from codexd.fronts.openai import CHAT, COMPLETIONS, RESPONSES
from codexd.neutral.event import Event
from codexd.neutral.reply import fold
from codexd.wire import json
from codexd.wire.json import Json
from codexd.wire.sse import SseDecoder
from tests.support import chat_stream, responses_stream
from tests.support import completions_client as legacy
from tests.support.framing import build_folding_encoder, encode_stream

STAMP: Final = ResponseIdentity("00ff", 1700000000, "m1")
_ASKED: Final = {"model": "m1"}
_STREAMED: Final = {"stream": True, "stream_options": {"include_usage": True}}


@frozen(kw_only=True)
class Endpoint:
    """One endpoint, with or without a compatibility mode.

    Attributes:
        body: the request body, without `stream` and tools.
        decode: decodes the body.
        merge: merges a stream into the body of the JSON answer.
        error: returns the error message of a stream.
        headers: of the request.
        modes: the compatibility modes that the headers turn on.
        dialect: of its stream.
    """

    name: str
    path: str
    body: dict[str, Json]
    decode: Callable[[bytes, RequestOptions], DecodedRequest]
    merge: Callable[[bytes], Json]
    error: Callable[[bytes], str]
    headers: dict[str, str]
    modes: frozenset[str] = frozenset()
    dialect: Dialect = RESPONSES

    @property
    def streamed_body(self) -> Json:
        """The request body of a stream that ends with the usage."""
        return self.body | _STREAMED

    @property
    def exchange(self) -> DecodedRequest:
        """The decoded request."""
        return self.decode(json.encode(self.streamed_body), RequestOptions(principal="p", modes=self.modes))

    def stream(self, events: Iterable[Event]) -> bytes:
        """Return the stream of an answer."""
        encoder = build_folding_encoder(self.exchange, STAMP)
        return encode_stream(self.dialect, encoder, ((0, event) for event in events))

    def body_of(self, events: Iterable[Event]) -> bytes:
        """Return the JSON body of an answer."""
        return self.exchange.render((fold(events),), STAMP)


def _chat_error(stream: bytes) -> str:
    error = chat_stream.read(stream).error
    assert error is not None
    return str(error["message"])


def _response_error(stream: bytes) -> str:
    return str(responses_stream.read(stream)[-1]["response"]["error"]["message"])


def _chunks(stream: bytes) -> list[dict[str, Any]]:
    data = [frame.data for frame in SseDecoder().receive(stream)]
    assert data.pop() == b"[DONE]"
    return [json.decode(one) for one in data]


_RESPONSES: Final = Endpoint(
    name="responses",
    path="/v1/responses",
    body={"model": "m1", "input": "hi", "include": ["reasoning.encrypted_content"]},
    decode=responses.decode_stateless,
    merge=lambda stream: responses_stream.accumulate(responses_stream.read(stream)),
    error=_response_error,
    headers={},
)
ENDPOINTS: Final = (
    Endpoint(
        name="chat",
        path="/v1/chat/completions",
        body=_ASKED | {"messages": [{"role": "user", "content": "hi"}]},
        decode=chat.decode,
        merge=lambda stream: chat_stream.merge(chat_stream.read(stream).chunks),
        error=_chat_error,
        headers={},
        dialect=CHAT,
    ),
    _RESPONSES,
    evolve(_RESPONSES, name="tool events", headers={HEADER: TOOL_EVENTS}, modes=frozenset((TOOL_EVENTS,))),
    Endpoint(
        name="completions",
        path="/v1/completions",
        body=_ASKED | {"prompt": "hi", "echo": True},
        decode=completions.decode,
        merge=lambda stream: legacy.merge(_chunks(stream)),
        error=_chat_error,
        headers={},
        dialect=COMPLETIONS,
    ),
)
