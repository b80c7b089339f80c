"""Render a plan in the Responses dialect: OpenAI's typed events and the Response object.

Source: OpenAI Responses API, streaming events. Every field that Open Responses requires is present.
"""

from collections.abc import Iterator, Mapping

from attrs import define, field

from codexd.scripted import errors, script
from codexd.scripted.answer_plan import (
    AnswerPlan,
    FailedEnding,
    IncompleteEnding,
    Pause,
    ScriptedFrame,
    SilentEnding,
    iter_deltas,
)
from codexd.scripted.prompt import MODEL, parse_responses
from codexd.scripted.response_items import JsonObject, ResponsesItem, build_item
from codexd.wire import sse
from codexd.wire.json import Json, encode

_ECHO_DEFAULTS: JsonObject = {
    "background": False,
    "frequency_penalty": 0.0,
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "model": MODEL,
    "parallel_tool_calls": True,
    "presence_penalty": 0.0,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "safety_identifier": None,
    "service_tier": "default",
    "store": True,
    "temperature": 1.0,
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
}
"""The fields of the request that a Response repeats, with their defaults."""


def build_answer(body: Mapping[str, Json], now: float) -> "ResponsesAnswer":
    """Parse a body of `POST /v1/responses` and build its answer.

    Args:
        body: the decoded body.
        now: Unix time in seconds, for `created_at`.
    """
    return ResponsesAnswer(
        plan=script.build_plan(parse_responses(body)),
        is_streamed=body.get("stream") is True,
        echo=_echo(body),
        created_at=int(now),
    )


def _echo(body: Mapping[str, Json]) -> JsonObject:
    text = body.get("text")
    reasoning = body.get("reasoning")
    return {
        **{name: default if (value := body.get(name)) is None else value for name, default in _ECHO_DEFAULTS.items()},
        "text": {"format": {"type": "text"}, **(text if isinstance(text, dict) else {})},
        "reasoning": {"effort": None, "summary": None, **(reasoning if isinstance(reasoning, dict) else {})},
    }


@define
class ResponsesAnswer:
    """One Responses answer. It can be rendered once: as frames or as one body."""

    plan: AnswerPlan
    is_streamed: bool
    echo: JsonObject = field(repr=False)
    created_at: int
    _sequence: int = field(default=0, init=False)
    _output: list[JsonObject] = field(factory=list, init=False, repr=False)

    def frames(self) -> Iterator[ScriptedFrame]:
        """Yield the events in OpenAI's order."""
        yield self._lifecycle("response.created", self._response("in_progress"))
        if isinstance(self.plan.ending, SilentEnding) and not self.plan.items:
            return
        yield self._lifecycle("response.in_progress", self._response("in_progress"))
        for position in range(len(self.plan.items)):
            yield from self._render_item(position, build_item(self.plan, position))
        if not self.plan.is_unfinished:
            final = self._final()
            yield self._lifecycle(f"response.{final['status']}", final)

    def render(self) -> bytes:
        """Return the Response object with which the stream would end."""
        for _ in self.frames():
            pass
        return encode(self._final())

    def _render_item(self, position: int, item: ResponsesItem) -> Iterator[ScriptedFrame]:
        yield self._event("response.output_item.added", {"output_index": position, "item": item.opened})
        for type, members in item.opening:
            yield self._event(type, item.common | members)
        constant = item.common | item.extra
        for delta in iter_deltas(self.plan.items[position]):
            yield (delta if isinstance(delta, Pause) else self._event(item.delta, {**constant, "delta": delta}))
        if self.plan.is_left_open(position):
            return
        for type, members in item.closing:
            yield self._event(type, item.common | members)
        self._output.append(item.finished)
        yield self._event("response.output_item.done", {"output_index": position, "item": item.finished})

    def _event(self, type: str, members: JsonObject) -> bytes:
        number = self._sequence
        self._sequence = number + 1
        return sse.encode_frame(encode({"type": type, "sequence_number": number, **members}), type.encode())

    def _lifecycle(self, type: str, response: JsonObject) -> bytes:
        return self._event(type, {"response": response})

    def _final(self) -> JsonObject:
        match self.plan.ending:
            case IncompleteEnding(reason):
                return self._response("incomplete", incomplete_details={"reason": reason}, usage=self._usage())
            case FailedEnding(code):
                return self._response("failed", error={"code": code, "message": errors.error_for_code(code).message})
            case _:
                return self._response("completed", completed_at=self.created_at, usage=self._usage())

    def _response(self, status: str, **changes: Json) -> JsonObject:
        return {
            "id": self.plan.make_id("resp"),
            "object": "response",
            "created_at": self.created_at,
            "status": status,
            "completed_at": None,
            "error": None,
            "incomplete_details": None,
            "output": self._output,
            "usage": None,
            **self.echo,
            **changes,
        }

    def _usage(self) -> JsonObject:
        usage = self.plan.usage
        return {
            "input_tokens": usage.input_tokens,
            "input_tokens_details": {"cached_tokens": usage.cached_tokens, "cache_write_tokens": 0},
            "output_tokens": usage.output_tokens,
            "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
            "total_tokens": usage.total_tokens,
        }
