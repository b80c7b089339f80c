"""Render a plan in the Chat Completions dialect: OpenAI's chunks and the completion object.

Source: OpenAI Chat Completions API. Reasoning text, which it does not define, is sent as
`reasoning_content`, as other servers do. Of a web search only the citation is sent. A failure after the first
chunk is a `data:` line with an `error` member, without `[DONE]`.
"""

from collections.abc import Iterator, Mapping

from attrs import define, field

from codexd.scripted import errors, script
from codexd.scripted.answer_plan import (
    AnswerPlan,
    FailedEnding,
    IncompleteEnding,
    Pause,
    ScriptedCall,
    ScriptedFrame,
    ScriptedItem,
    ScriptedMessage,
    ScriptedReasoning,
    iter_deltas,
)
from codexd.scripted.prompt import MODEL, parse_chat
from codexd.scripted.response_items import JsonObject, build_citation
from codexd.wire import sse
from codexd.wire.json import Json, encode

_DONE = sse.encode_frame(b"[DONE]")
_FINISHES = {"max_output_tokens": "length", "content_filter": "content_filter"}


def build_answer(body: Mapping[str, Json], now: float) -> "ChatAnswer":
    """Parse a body of `POST /v1/chat/completions` and build its answer.

    Args:
        body: the decoded body.
        now: Unix time in seconds, for `created`.
    """
    options = body.get("stream_options")
    plan = script.build_plan(parse_chat(body))
    id = plan.make_id("chatcmpl").replace("_", "-")
    return ChatAnswer(
        plan=plan,
        is_streamed=body.get("stream") is True,
        include_usage=isinstance(options, dict) and options.get("include_usage") is True,
        alternatives=_alternatives(body),
        head={"id": id, "created": int(now), "model": body.get("model") or MODEL},
    )


@define(kw_only=True)
class ChatAnswer:
    """One Chat answer. It can be rendered once: as frames or as one body."""

    plan: AnswerPlan
    is_streamed: bool
    include_usage: bool
    """Whether the client requested the chunk with the usage."""
    alternatives: int | None
    """The requested number of alternatives per token; None if log probabilities were not requested."""
    head: JsonObject
    """The common members of every chunk and of the completion."""
    _calls: int = field(default=0, init=False)

    def frames(self) -> Iterator[ScriptedFrame]:
        """Yield the chunks: the role, the deltas, the finish reason, the usage if requested, `[DONE]`."""
        yield self._delta({"role": "assistant", "content": ""})
        for item in self.plan.items:
            if isinstance(item, ScriptedCall):
                yield from self._call(item)
                continue
            for delta in iter_deltas(item):
                yield delta if isinstance(delta, Pause) else self._text_delta(item, delta)
            if annotations := _annotations(item):
                yield self._delta({"annotations": annotations})
        if isinstance(self.plan.ending, FailedEnding):
            yield sse.encode_frame(errors.error_for_code(self.plan.ending.code).body)
        elif not self.plan.is_unfinished:
            yield from self._end()

    def render(self) -> bytes:
        """Return the completion object."""
        message: JsonObject = {
            "role": "assistant",
            **{name: self._text(name) for name in ("content", "refusal")},
        }
        if reasoning := self._text("reasoning_content"):
            message["reasoning_content"] = reasoning
        calls = [item for item in self.plan.items if isinstance(item, ScriptedCall)]
        if calls:
            message["tool_calls"] = [self._call_object(at, item, item.arguments) for at, item in enumerate(calls)]
        if annotations := [annotation for item in self.plan.items for annotation in _annotations(item)]:
            message["annotations"] = annotations
        choice = {
            "index": 0,
            "message": message,
            "logprobs": self._logprobs(self._deltas("content")),
            "finish_reason": self._finish_reason(),
        }
        completion = {**self.head, "object": "chat.completion", "choices": [choice], "usage": self._usage()}
        return encode(completion)

    def _text(self, member: str) -> str | None:
        texts = [item.text for item in self._items(member)]
        return "".join(texts) if texts else None

    def _deltas(self, member: str) -> list[str]:
        return [delta for item in self._items(member) for delta in item.deltas]

    def _items(self, member: str) -> Iterator[ScriptedMessage | ScriptedReasoning]:
        items = (item for item in self.plan.items if isinstance(item, ScriptedMessage | ScriptedReasoning))
        return (item for item in items if _message_member(item) == member)

    def _text_delta(self, item: ScriptedItem, delta: str) -> bytes:
        member = _message_member(item)
        return self._delta({member: delta}, logprobs=self._logprobs([delta] if member == "content" else []))

    def _logprobs(self, deltas: list[str]) -> Json:
        if self.alternatives is None or not any(deltas):
            return None
        tokens = [_token_entry(delta, self.alternatives) for delta in deltas if delta]
        return {"content": tokens, "refusal": None}

    def _call(self, item: ScriptedCall) -> Iterator[ScriptedFrame]:
        index = self._calls
        self._calls += 1
        kind, member = _call_members(item)
        yield self._delta({"tool_calls": [{"index": index, **self._call_object(index, item, "")}]})
        for delta in item.deltas:
            yield self._delta({"tool_calls": [{"index": index, kind: {member: delta}}]})

    def _call_object(self, index: int, item: ScriptedCall, arguments: str) -> JsonObject:
        kind, member = _call_members(item)
        call_id = self.plan.make_id("call", index)
        return {"id": call_id, "type": kind, kind: {"name": item.name, member: arguments}}

    def _end(self) -> Iterator[bytes]:
        yield self._delta({}, self._finish_reason())
        if self.include_usage:
            yield self._chunk([], self._usage())
        yield _DONE

    def _finish_reason(self) -> str:
        if isinstance(self.plan.ending, IncompleteEnding):
            return _FINISHES[self.plan.ending.reason]
        return "tool_calls" if any(isinstance(item, ScriptedCall) for item in self.plan.items) else "stop"

    def _delta(self, delta: JsonObject, finish_reason: str | None = None, logprobs: Json = None) -> bytes:
        return self._chunk([{"index": 0, "delta": delta, "logprobs": logprobs, "finish_reason": finish_reason}], None)

    def _chunk(self, choices: list[JsonObject], usage: JsonObject | None) -> bytes:
        usage_member = {"usage": usage} if self.include_usage else {}
        chunk = {**self.head, "object": "chat.completion.chunk", "choices": choices, **usage_member}
        return sse.encode_frame(encode(chunk))

    def _usage(self) -> JsonObject:
        usage = self.plan.usage
        return {
            "prompt_tokens": usage.input_tokens,
            "completion_tokens": usage.output_tokens,
            "total_tokens": usage.total_tokens,
            "prompt_tokens_details": {"cached_tokens": usage.cached_tokens, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens, "audio_tokens": 0},
        }


def _annotations(item: ScriptedItem) -> list[JsonObject]:
    """Return the citations of a message in Chat's nested form."""
    if not isinstance(item, ScriptedMessage) or item.source is None:
        return []
    cited = build_citation(item.text, item.source)
    kind = cited.pop("type")
    return [{"type": kind, kind: cited}]


def _message_member(item: ScriptedItem) -> str:
    """Return the member of a message that has the text of an item."""
    if isinstance(item, ScriptedReasoning):
        return "reasoning_content"
    return "refusal" if isinstance(item, ScriptedMessage) and item.is_refusal else "content"


def _alternatives(body: Mapping[str, Json]) -> int | None:
    if body.get("logprobs") is not True:
        return None
    requested = body.get("top_logprobs")
    return requested if type(requested) is int else 0


def _token_entry(delta: str, alternatives: int) -> JsonObject:
    """Build the token entry of a delta. Its alternatives are the delta with more and more `'` appended."""
    ranked = [
        {"token": token, "logprob": -(rank + 1) / 8, "bytes": list(token.encode())}
        for rank, token in enumerate(delta + "'" * marks for marks in range(max(1, alternatives)))
    ]
    return {**ranked[0], "top_logprobs": ranked[:alternatives]}


def _call_members(item: ScriptedCall) -> tuple[str, str]:
    """Return the type of a call and the member that has its arguments."""
    return ("custom", "input") if item.custom else ("function", "arguments")
