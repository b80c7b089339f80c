"""A plan in the Chat Completions dialect: OpenAI's chunks, and the completion object.

Source: OpenAI Chat Completions API. It has no reasoning text: that goes as `reasoning_content`, the habit of
other servers. Of a web search it shows what the text cites. A failure after the first chunk is a `data:` line
with an `error` member, and no `[DONE]`.
"""

from collections.abc import Iterator, Mapping

from attrs import define, field

from codexd.scripted import errors, script
from codexd.scripted.items import Object, citation
from codexd.scripted.plan import (
    Call,
    Failed,
    Frame,
    Incomplete,
    Message,
    Pause,
    Plan,
    Step,
    Thought,
    spaced,
)
from codexd.scripted.question import MODEL, from_chat
from codexd.wire import sse
from codexd.wire.json import Json, encode

_DONE = sse.frame(b"[DONE]")
_FINISHES = {"max_output_tokens": "length", "content_filter": "content_filter"}


def answer(body: Mapping[str, Json], now: float) -> "Answer":
    """Read a body of `POST /v1/chat/completions` and decide its answer.

    Args:
        body: the decoded body.
        now: seconds since the epoch, for `created`.
    """
    options = body.get("stream_options")
    plan = script.plan(from_chat(body))
    name = plan.identifier("chatcmpl").replace("_", "-")
    return Answer(
        plan=plan,
        streamed=body.get("stream") is True,
        counted=isinstance(options, dict) and options.get("include_usage") is True,
        alternatives=_alternatives(body),
        head={"id": name, "created": int(now), "model": body.get("model") or MODEL},
    )


@define
class Answer:
    """One Chat answer, spoken once: as frames or whole."""

    plan: Plan
    streamed: bool
    counted: bool
    """Whether the client wants the chunk with the usage."""
    alternatives: int | None
    """How many alternatives of each token the client wants; None when it wants no log probabilities."""
    head: Object
    """The members that every chunk and the completion have."""
    _calls: int = field(default=0, init=False)

    def frames(self) -> Iterator[Frame]:
        """The chunks: the role, the deltas, the finish reason, the usage if it was asked for, `[DONE]`."""
        yield self._delta({"role": "assistant", "content": ""})
        for step in self.plan.steps:
            if isinstance(step, Call):
                yield from self._call(step)
                continue
            for piece in spaced(step):
                yield piece if isinstance(piece, Pause) else self._said(step, piece)
            if notes := _notes(step):
                yield self._delta({"annotations": notes})
        if isinstance(self.plan.ending, Failed):
            yield sse.frame(errors.of_code(self.plan.ending.code).body)
        elif not self.plan.unfinished:
            yield from self._end()

    def whole(self) -> bytes:
        """The completion object."""
        message: Object = {"role": "assistant", **{name: self._text(name) for name in ("content", "refusal")}}
        if reasoning := self._text("reasoning_content"):
            message["reasoning_content"] = reasoning
        calls = [step for step in self.plan.steps if isinstance(step, Call)]
        if calls:
            message["tool_calls"] = [
                self._announced(at, step, step.arguments) for at, step in enumerate(calls)
            ]
        if notes := [note for step in self.plan.steps for note in _notes(step)]:
            message["annotations"] = notes
        choice = {
            "index": 0,
            "message": message,
            "logprobs": self._logprobs(self._pieces("content")),
            "finish_reason": self._finish_reason(),
        }
        completion = {**self.head, "object": "chat.completion", "choices": [choice], "usage": self._usage()}
        return encode(completion)

    def _text(self, member: str) -> str | None:
        texts = [step.text for step in self._steps(member)]
        return "".join(texts) if texts else None

    def _pieces(self, member: str) -> list[str]:
        return [piece for step in self._steps(member) for piece in step.pieces]

    def _steps(self, member: str) -> Iterator[Message | Thought]:
        spoken = (step for step in self.plan.steps if isinstance(step, Message | Thought))
        return (step for step in spoken if _member(step) == member)

    def _said(self, step: Step, piece: str) -> bytes:
        member = _member(step)
        return self._delta({member: piece}, logprobs=self._logprobs([piece] if member == "content" else []))

    def _logprobs(self, pieces: list[str]) -> Json:
        if self.alternatives is None or not any(pieces):
            return None
        tokens = [_weighed(piece, self.alternatives) for piece in pieces if piece]
        return {"content": tokens, "refusal": None}

    def _call(self, step: Call) -> Iterator[Frame]:
        index = self._calls
        self._calls += 1
        kind, member = _named(step)
        yield self._delta({"tool_calls": [{"index": index, **self._announced(index, step, "")}]})
        for piece in step.pieces:
            yield self._delta({"tool_calls": [{"index": index, kind: {member: piece}}]})

    def _announced(self, index: int, step: Call, arguments: str) -> Object:
        kind, member = _named(step)
        call_id = self.plan.identifier("call", index)
        return {"id": call_id, "type": kind, kind: {"name": step.name, member: arguments}}

    def _end(self) -> Iterator[bytes]:
        yield self._delta({}, self._finish_reason())
        if self.counted:
            yield self._chunk([], self._usage())
        yield _DONE

    def _finish_reason(self) -> str:
        if isinstance(self.plan.ending, Incomplete):
            return _FINISHES[self.plan.ending.reason]
        return "tool_calls" if any(isinstance(step, Call) for step in self.plan.steps) else "stop"

    def _delta(self, delta: Object, finish_reason: str | None = None, logprobs: Json = None) -> bytes:
        return self._chunk(
            [{"index": 0, "delta": delta, "logprobs": logprobs, "finish_reason": finish_reason}], None
        )

    def _chunk(self, choices: list[Object], usage: Object | None) -> bytes:
        counted = {"usage": usage} if self.counted else {}
        chunk = {**self.head, "object": "chat.completion.chunk", "choices": choices, **counted}
        return sse.frame(encode(chunk))

    def _usage(self) -> Object:
        usage = self.plan.usage
        return {
            "prompt_tokens": usage.input_tokens,
            "completion_tokens": usage.output_tokens,
            "total_tokens": usage.total_tokens,
            "prompt_tokens_details": {"cached_tokens": usage.cached_tokens, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens, "audio_tokens": 0},
        }


def _notes(step: Step) -> list[Object]:
    """The citations of a message, in Chat's nested form."""
    if not isinstance(step, Message) or step.source is None:
        return []
    cited = citation(step.text, step.source)
    kind = cited.pop("type")
    return [{"type": kind, kind: cited}]


def _member(step: Step) -> str:
    """Name the member of a message that a step's text is in."""
    if isinstance(step, Thought):
        return "reasoning_content"
    return "refusal" if isinstance(step, Message) and step.refused else "content"


def _alternatives(body: Mapping[str, Json]) -> int | None:
    if body.get("logprobs") is not True:
        return None
    wanted = body.get("top_logprobs")
    return wanted if type(wanted) is int else 0


def _weighed(piece: str, alternatives: int) -> Object:
    """Give a delta as one token, and so many as likely as it, and less so: itself and itself with marks."""
    ranked = [
        {"token": token, "logprob": -(rank + 1) / 8, "bytes": list(token.encode())}
        for rank, token in enumerate(piece + "'" * marks for marks in range(max(1, alternatives)))
    ]
    return {**ranked[0], "top_logprobs": ranked[:alternatives]}


def _named(step: Call) -> tuple[str, str]:
    """The type of a call, and the member its arguments are in."""
    return ("custom", "input") if step.custom else ("function", "arguments")
