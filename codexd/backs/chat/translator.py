"""Translates the response of a Chat Completions server: bytes in, neutral events out.

A server that streams sends server-sent events; one that does not sends a JSON object. The first byte shows
which. The stream ends with `[DONE]`, or with its last byte if a finish reason was received; any other end is
a failure.
"""

from collections.abc import Callable
from typing import Any, Final

from codexd.backs.chat import chunk_parts as c
from codexd.backs.chat.call_assembler import CallAssembler
from codexd.backs.chat.capabilities import ServerCapabilities
from codexd.backs.chat.event_builder import ChatEventBuilder
from codexd.backs.chat.failures import MALFORMED, TOO_LARGE
from codexd.backs.chat.request import EncodedRequest, encode_request
from codexd.backs.chat.tool_names import ToolNames
from codexd.neutral.event import Event, Finish, Usage
from codexd.neutral.fault import Fault, fault
from codexd.neutral.turn import Turn
from codexd.policy import estimate
from codexd.wire import json, sse

_FINISHES: Final[dict[str, Finish]] = {"length": "length", "content_filter": "content_filter"}
"""The finish reasons of a response that was cut; all others mean that it is complete."""

_DONE: Final = b"[DONE]"


class ChatTranslator:
    """Encodes one request and translates its response. No event follows the end.

    Args:
        turn: the turn, with the server's own name for its model.
        capabilities: what the server accepts.
        token: identifies the response in the ids that the server does not send.
        limit_bytes: the maximum size of one event, or of a whole response that is not streamed.

    Attributes:
        event_count: the number of server-sent events received; keep-alive comments do not count.
        finished: the response is complete, though its end may not have been emitted yet.
    """

    def __init__(
        self, turn: Turn, capabilities: ServerCapabilities, token: str, limit_bytes: int = sse.LIMIT_BYTES
    ) -> None:
        self.event_count = 0
        self.finished = False
        self._turn = turn
        self._capabilities = capabilities
        self._token = token
        self._names = ToolNames(turn.tools)
        self._builder = ChatEventBuilder(token)
        self._calls = CallAssembler(self._builder, self._names, token)
        self._reader = sse.SseDecoder(limit_bytes)
        self._limit_bytes = limit_bytes
        self._streamed: bool | None = None
        self._document = bytearray()
        self._finish_reason = "stop"
        self._usage: Usage | None = None
        self._received: dict[type, list[str]] = {c.ChunkText: [], c.ChunkReasoning: [], c.ChunkRefusal: []}

    @property
    def ended(self) -> bool:
        """Whether the last event was emitted, or the translator was aborted."""
        return self._builder.ended

    @property
    def began(self) -> bool:
        """Whether an event was emitted."""
        return self._builder.began

    def open(self) -> EncodedRequest:
        """Encode the request.

        Raises:
            FaultError: when the server does not accept a part of the turn.
        """
        return encode_request(self._turn, self._names, self._capabilities)

    def new_attempt(self) -> "ChatTranslator":
        """Return a translator for the same request that has received nothing."""
        return ChatTranslator(self._turn, self._capabilities, self._token, self._limit_bytes)

    def receive(self, data: bytes) -> list[Event]:
        """Translate the next bytes of the response."""
        if self._streamed is None:
            data = data if self._document else data.lstrip()
            if not data:
                return []
            self._streamed = not data.startswith(b"{")
        if not self._streamed:
            return self._buffer_document(data)
        events: list[Event] = []
        for frame in self._reader.receive(data):
            events += self._on_frame(frame)
        if self._reader.dropped:
            events += self._builder.fail(TOO_LARGE)
        return events

    def close(self, why: Fault | None = None) -> list[Event]:
        """Translate the end of the response; `why` is the failure that ended it, if any."""
        if self.ended:
            return []
        events = self._flush_input(why)
        if self.ended:
            return events
        return events + (self._end() if self.finished else self._builder.fail(why or fault("stream_cut")))

    def abort(self) -> None:
        """Emit no more events."""
        self._builder.stop()

    def _buffer_document(self, data: bytes) -> list[Event]:
        self._document += data
        return self._builder.fail(TOO_LARGE) if len(self._document) > self._limit_bytes else []

    def _flush_input(self, why: Fault | None) -> list[Event]:
        """Translate what the last byte completes: a whole response, or an event without its blank line."""
        if self._streamed is False:
            if not json.is_valid(bytes(self._document)):
                return self._builder.fail(why or MALFORMED)
            events = self._on_chunk(bytes(self._document))
            self.finished = self.finished or bool(self._received[c.ChunkText] or self._calls)
            return events
        frames = self._reader.receive(b"\n\n") if why is None else []
        complete = (frame for frame in frames if frame.data == _DONE or json.is_valid(frame.data))
        return [event for frame in complete for event in self._on_frame(frame)]

    def _on_frame(self, frame: sse.SseFrame) -> list[Event]:
        data = frame.data.strip()
        if self.ended or not data:
            return []
        self.event_count += 1
        if data == _DONE:
            # `[DONE]` without any chunk before it is not a response.
            has_content = self.finished or self.began or self._calls
            return self._end() if has_content else self._builder.fail(MALFORMED)
        if frame.event == b"error" and not json.is_valid(data):
            return self._builder.fail(fault("model_failed"))
        return self._on_chunk(data)

    def _on_chunk(self, data: bytes) -> list[Event]:
        events: list[Event] = []
        for part in c.parse_chunk(data):
            events += _HANDLERS[type(part)](self, part)
        return events

    def _on_text(self, part: c.ChunkText) -> list[Event]:
        logprobs = part.logprobs if self._turn.sampling.logprobs else None
        return self._builder.add_text(self._new_text(part), logprobs)

    def _on_reasoning(self, part: c.ChunkReasoning) -> list[Event]:
        return self._builder.add_reasoning(self._new_text(part))

    def _on_refusal(self, part: c.ChunkRefusal) -> list[Event]:
        return self._builder.add_refusal(self._new_text(part))

    def _new_text(self, part: c.ChunkText | c.ChunkReasoning | c.ChunkRefusal) -> str:
        """Return the new text in a part: a complete message at the end repeats all text before it."""
        received, text = self._received[type(part)], part.text
        if part.complete and received:
            before = "".join(received)
            text = text[len(before) :] if text.startswith(before) else ""
        received.append(text)
        return text

    def _on_annotation(self, part: c.ChunkAnnotation) -> list[Event]:
        return self._builder.annotate(part.annotation)

    def _on_tool_call(self, part: c.ChunkToolCall) -> list[Event]:
        return self._calls.add(part) if not self.ended else []

    def _on_finish(self, part: c.ChunkFinish) -> list[Event]:
        self._finish_reason, self.finished = part.reason, True
        return []

    def _on_usage(self, part: c.ChunkUsage) -> list[Event]:
        self._usage = part.usage
        return []

    def _on_error(self, part: c.ChunkError) -> list[Event]:
        return self._builder.fail(part.fault)

    def _end(self) -> list[Event]:
        finish = _FINISHES.get(self._finish_reason, "stop")
        events = self._calls.finish(cut=finish != "stop")
        if self._calls.has_nameless_call:
            return events + self._builder.fail(MALFORMED)
        if finish == "stop" and self._calls:
            finish = "tool_calls"
        if finish == "stop" and self._turn.tool_choice.mode == "required":
            return [*events, *self._builder.close_item(), *self._builder.fail(fault("tool_choice_unmet"))]
        usage = self._usage or estimate.usage(self._turn, self._builder.size_bytes)
        return events + self._builder.end(finish, usage)


_HANDLERS: Final[dict[type, Callable[[ChatTranslator, Any], list[Event]]]] = {
    c.ChunkText: ChatTranslator._on_text,
    c.ChunkReasoning: ChatTranslator._on_reasoning,
    c.ChunkRefusal: ChatTranslator._on_refusal,
    c.ChunkAnnotation: ChatTranslator._on_annotation,
    c.ChunkToolCall: ChatTranslator._on_tool_call,
    c.ChunkFinish: ChatTranslator._on_finish,
    c.ChunkUsage: ChatTranslator._on_usage,
    c.ChunkError: ChatTranslator._on_error,
}
