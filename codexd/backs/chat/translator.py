"""Translates the response of a Chat Completions server: bytes in, neutral events out.

A server that streams sends server-sent events; one that does not sends a JSON object. The first byte shows
which. The stream ends with `[DONE]`, or with its last byte if a finish reason was received; any other end is
a failure. So is a finish reason that means a failure or that nobody knows, and an end without a finish reason
that leaves the response without an answer.
"""

from collections.abc import Callable
from typing import Any, Final

from codexd.backs.chat import chunk_parts as c
from codexd.backs.chat import finish_reasons
from codexd.backs.chat.call_assembler import CallAssembler
from codexd.backs.chat.capabilities import ServerCapabilities
from codexd.backs.chat.citations import build_citations
from codexd.backs.chat.damaged_text import DamagedTextRepairer
from codexd.backs.chat.event_builder import ChatEventBuilder
from codexd.backs.chat.failures import MALFORMED, TOO_LARGE, translate_error
from codexd.backs.chat.request import EncodedRequest, encode_request
from codexd.backs.chat.state_buffer import StateBuffer
from codexd.backs.chat.tool_names import ToolNames
from codexd.neutral.event import CallClosed, Event, Failed, Finish, Usage
from codexd.neutral.fault import Fault, fault
from codexd.neutral.turn import JsonText, Turn
from codexd.policy import estimate
from codexd.wire import json, sse
from codexd.wire.provider_state import ProviderState, encode_state

_DONE: Final = b"[DONE]"
_BOM: Final = b"\xef\xbb\xbf"


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
        unsupported: the kinds of output that the server sent and codexd does not pass on, such as `images`.
        state_dropped: the state of the model was too large to be kept.
    """

    def __init__(
        self, turn: Turn, capabilities: ServerCapabilities, token: str, limit_bytes: int = sse.LIMIT_BYTES
    ) -> None:
        self.event_count = 0
        self.finished = False
        self.unsupported: list[str] = []
        self.state_dropped = False
        self._turn = turn
        self._capabilities = capabilities
        self._token = token
        self._names = ToolNames(turn.tools)
        self._builder = ChatEventBuilder(token, turn.reasoning.summary not in (None, "none"))
        self._calls = CallAssembler(self._builder, self._names, token, capabilities.state)
        self._state = StateBuffer()
        self._reader = sse.SseDecoder(limit_bytes)
        self._limit_bytes = limit_bytes
        self._streamed: bool | None = None
        self._head = b""
        self._document = bytearray()
        self._finish: Finish | None = None
        self._announces_calls = False
        self._usage: Usage | None = None
        self._sources: tuple[tuple[str, str], ...] = ()
        self._annotations: list[JsonText] = []
        self._pending_annotations: list[JsonText] = []
        self._message_start = 0
        self._repairer: DamagedTextRepairer | None = None
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
            self._head = data = (self._head + data).lstrip().removeprefix(_BOM).lstrip()
            if _BOM.startswith(data):
                return []
            self._streamed = not data.startswith((b"{", b"["))
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
            if not c.is_chunk(bytes(self._document)):
                return self._builder.fail(why or MALFORMED)
            events = self._on_chunk(bytes(self._document))
            self.finished = self.finished or self._has_answer
            return events
        frames = self._reader.receive(b"\n\n") if why is None else []
        complete = (frame for frame in frames if frame.data.strip() == _DONE or c.is_chunk(frame.data))
        return [event for frame in complete for event in self._on_frame(frame)]

    @property
    def _has_answer(self) -> bool:
        """Whether the response has more than reasoning."""
        return any(self._received[c.ChunkText]) or any(self._received[c.ChunkRefusal]) or bool(self._calls)

    def _on_frame(self, frame: sse.SseFrame) -> list[Event]:
        data = frame.data.strip()
        if self.ended or not data:
            return []
        self.event_count += 1
        if data == _DONE:
            # `[DONE]` without any chunk before it is not a response.
            has_content = self.finished or self.began or self._calls
            return self._end() if has_content else self._builder.fail(MALFORMED)
        if frame.event == b"error":
            return self._on_error_event(data)
        return self._on_chunk(data)

    def _on_error_event(self, data: bytes) -> list[Event]:
        """Fail the response with the error in an event of type `error`, which needs no member of that name."""
        failed = next((part for part in c.parse_chunk(data) if isinstance(part, c.ChunkError)), None)
        if failed is None or not json.is_valid(data):
            return self._builder.fail(translate_error(json.decode(data) if json.is_valid(data) else None))
        return self._on_error(failed)

    def _on_chunk(self, data: bytes) -> list[Event]:
        parts, began = c.parse_chunk(data), self._builder.began
        if self._repairer is not None or (parts and type(parts[0]) is c.ChunkDamaged):
            parts = self._repair(parts)
        events: list[Event] = []
        for part in parts:
            events += _HANDLERS[type(part)](self, part)
        if not began and events and type(events[-1]) is Failed:
            return events[-1:]  # Nothing was emitted before this chunk, so that another server may be asked.
        return events

    def _repair(self, parts: list[c.ChunkPart]) -> list[c.ChunkPart]:
        if self._repairer is None:
            self._repairer = DamagedTextRepairer()
        return self._repairer.repair(parts)

    def _on_text(self, part: c.ChunkText) -> list[Event]:
        logprobs = part.logprobs if self._turn.sampling.logprobs else None
        events = self._builder.add_text(self._new_text(part), logprobs)
        if len(events) > 1:  # It opened a message.
            self._message_start = len(self._received[c.ChunkText]) - 1
        return events

    def _on_reasoning(self, part: c.ChunkReasoning) -> list[Event]:
        return self._builder.add_reasoning(self._new_text(part))

    def _on_refusal(self, part: c.ChunkRefusal) -> list[Event]:
        return self._builder.add_refusal(self._new_text(part))

    def _new_text(self, part: c.ChunkText | c.ChunkReasoning | c.ChunkRefusal) -> str:
        """Return the new text in a part: a complete message at the end repeats all text before it."""
        received, text = self._received[type(part)], part.text
        if part.complete and received:
            text = _drop_known(text, received)
        if text:
            received.append(text)
        return text

    def _on_annotation(self, part: c.ChunkAnnotation) -> list[Event]:
        events = self._builder.annotate(part.annotation)
        (self._annotations if events else self._pending_annotations).append(part.annotation)
        return events

    def _on_tool_call(self, part: c.ChunkToolCall) -> list[Event]:
        if self.ended:
            return []
        events = self._calls.add(part)
        return [*events, *self._builder.fail(TOO_LARGE)] if self._calls.too_many else events

    def _on_citations(self, part: c.ChunkCitations) -> list[Event]:
        self._sources = part.sources
        return []

    def _on_state(self, part: c.ChunkState) -> list[Event]:
        members = {name: value for name, value in part.members.items() if name in self._capabilities.state}
        self._state.add(members, part.complete)
        return []

    def _on_unsupported(self, part: c.ChunkUnsupported) -> list[Event]:
        self._drop(part.kind)
        return []

    def _on_finish(self, part: c.ChunkFinish) -> list[Event]:
        finish = finish_reasons.classify(part.reason, part.native)
        if isinstance(finish, Fault):
            return self._builder.fail(finish)
        self.finished = True
        self._finish = finish_reasons.later(self._finish, finish)
        self._announces_calls = self._announces_calls or finish_reasons.announces_calls(part.reason)
        return []

    def _on_usage(self, part: c.ChunkUsage) -> list[Event]:
        self._usage = c.merge_usage(self._usage, part.usage)
        return []

    def _on_error(self, part: c.ChunkError) -> list[Event]:
        return self._builder.fail(part.fault)

    def _drop(self, kind: str) -> None:
        if kind not in self.unsupported:
            self.unsupported.append(kind)

    # The end.

    def _end(self) -> list[Event]:
        events: list[Event] = []
        for part in [] if self._repairer is None else self._repairer.finish():
            events += _HANDLERS[type(part)](self, part)
        failed = self._find_failure()
        if failed is not None:
            return events + self._builder.fail(failed)
        finish = self._finish or "stop"
        if finish == "stop" and self._calls.is_cut():
            finish = "length"
        events += self._cite()
        events += self._add_state(self._calls.finish(cut=finish != "stop"), complete=finish == "stop")
        if self._calls.has_nameless_call:
            return events + self._builder.fail(MALFORMED)
        if finish == "stop" and self._calls:
            finish = "tool_calls"
        if finish == "stop" and self._turn.tool_choice.mode == "required":
            return [*events, *self._builder.close_item(), *self._builder.fail(fault("tool_choice_unmet"))]
        usage = self._usage or estimate.usage(self._turn, self._builder.size_bytes)
        return events + self._builder.end(finish, usage)

    def _add_state(self, events: list[Event], complete: bool) -> list[Event]:
        """Insert the state of the model before the calls close."""
        state = ProviderState(self._state.build(), self._calls.state)
        if not state.message and not state.calls:
            return events
        encoded = encode_state(state)
        self.state_dropped = encoded is None
        if encoded is None:
            return events
        place = next((place for place, event in enumerate(events) if isinstance(event, CallClosed)), len(events))
        return [*events[:place], *self._builder.add_state(encoded, complete), *events[place:]]

    def _find_failure(self) -> Fault | None:
        """Return why a response that seems to be over is not an answer; None if it is one."""
        if self._finish is None and (self._calls.is_cut() or not self._has_answer):
            return fault("stream_cut")
        if self._has_answer:
            return None
        if self._announces_calls:
            return MALFORMED
        if self.unsupported and self._finish == "stop":
            kinds = " and ".join(self.unsupported)
            return fault("output_unsupported", f"The model's answer is only {kinds}, which this server cannot pass on.")
        return None

    def _cite(self) -> list[Event]:
        """Annotate the open message with what came before it, and with the sources of the response."""
        text = "".join(self._received[c.ChunkText][self._message_start :])
        annotations = self._pending_annotations
        annotations += build_citations(self._sources, text, (*self._annotations, *annotations))
        events = [event for annotation in annotations for event in self._builder.annotate(annotation)]
        if len(events) < len(annotations):
            self._drop("annotations")
        return events


def _drop_known(text: str, received: list[str]) -> str:
    """Return what follows the received pieces in a text that begins with all of them; empty if it does not."""
    position = 0
    for piece in received:
        if not text.startswith(piece, position):
            return ""
        position += len(piece)
    return text[position:]


_HANDLERS: Final[dict[type, Callable[[ChatTranslator, Any], list[Event]]]] = {
    c.ChunkText: ChatTranslator._on_text,
    c.ChunkReasoning: ChatTranslator._on_reasoning,
    c.ChunkRefusal: ChatTranslator._on_refusal,
    c.ChunkAnnotation: ChatTranslator._on_annotation,
    c.ChunkCitations: ChatTranslator._on_citations,
    c.ChunkToolCall: ChatTranslator._on_tool_call,
    c.ChunkState: ChatTranslator._on_state,
    c.ChunkUnsupported: ChatTranslator._on_unsupported,
    c.ChunkFinish: ChatTranslator._on_finish,
    c.ChunkUsage: ChatTranslator._on_usage,
    c.ChunkError: ChatTranslator._on_error,
}
