"""A plan in the Responses dialect: OpenAI's typed event sequence, and the Response object.

Source: OpenAI Responses API, streaming events; every field that Open Responses requires is there.
"""

from collections.abc import Iterator, Mapping

from attrs import define, field

from codexd.scripted import errors, script
from codexd.scripted.items import Item, Object, item
from codexd.scripted.plan import Failed, Frame, Incomplete, Pause, Plan, Silent, spaced
from codexd.scripted.question import MODEL, from_responses
from codexd.wire import sse
from codexd.wire.json import Json, encode

_ECHOED: Object = {
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
"""The request's fields that a Response repeats, with what they are when the request leaves them out."""


def answer(body: Mapping[str, Json], now: float) -> "Answer":
    """Read a body of `POST /v1/responses` and decide its answer.

    Args:
        body: the decoded body.
        now: seconds since the epoch, for `created_at`.
    """
    return Answer(
        plan=script.plan(from_responses(body)),
        streamed=body.get("stream") is True,
        echo=_echo(body),
        created_at=int(now),
    )


def _echo(body: Mapping[str, Json]) -> Object:
    text = body.get("text")
    reasoning = body.get("reasoning")
    return {
        **{
            name: default if (value := body.get(name)) is None else value for name, default in _ECHOED.items()
        },
        "text": {"format": {"type": "text"}, **(text if isinstance(text, dict) else {})},
        "reasoning": {"effort": None, "summary": None, **(reasoning if isinstance(reasoning, dict) else {})},
    }


@define
class Answer:
    """One Responses answer, spoken once: as frames or whole."""

    plan: Plan
    streamed: bool
    echo: Object = field(repr=False)
    created_at: int
    _sequence: int = field(default=0, init=False)
    _output: list[Object] = field(factory=list, init=False, repr=False)

    def frames(self) -> Iterator[Frame]:
        """The events in OpenAI's order."""
        yield self._lifecycle("response.created", self._response("in_progress"))
        if isinstance(self.plan.ending, Silent) and not self.plan.steps:
            return
        yield self._lifecycle("response.in_progress", self._response("in_progress"))
        for position in range(len(self.plan.steps)):
            yield from self._streamed(position, item(self.plan, position))
        if not self.plan.unfinished:
            final = self._final()
            yield self._lifecycle(f"response.{final['status']}", final)

    def whole(self) -> bytes:
        """The Response object the frames would end with: the fold of the stream."""
        for _ in self.frames():
            pass
        return encode(self._final())

    def _streamed(self, position: int, shown: Item) -> Iterator[Frame]:
        yield self._event("response.output_item.added", {"output_index": position, "item": shown.opened})
        for kind, members in shown.opening:
            yield self._event(kind, shown.place | members)
        constant = shown.place | shown.extra
        for piece in spaced(self.plan.steps[position]):
            yield (
                piece if isinstance(piece, Pause) else self._event(shown.delta, {**constant, "delta": piece})
            )
        if self.plan.leaves_open(position):
            return
        for kind, members in shown.closing:
            yield self._event(kind, shown.place | members)
        self._output.append(shown.finished)
        yield self._event("response.output_item.done", {"output_index": position, "item": shown.finished})

    def _event(self, kind: str, members: Object) -> bytes:
        number = self._sequence
        self._sequence = number + 1
        return sse.frame(encode({"type": kind, "sequence_number": number, **members}), kind.encode())

    def _lifecycle(self, kind: str, response: Object) -> bytes:
        return self._event(kind, {"response": response})

    def _final(self) -> Object:
        match self.plan.ending:
            case Incomplete(reason):
                return self._response(
                    "incomplete", incomplete_details={"reason": reason}, usage=self._usage()
                )
            case Failed(code):
                return self._response("failed", error={"code": code, "message": errors.of_code(code).message})
            case _:
                return self._response("completed", completed_at=self.created_at, usage=self._usage())

    def _response(self, status: str, **changes: Json) -> Object:
        return {
            "id": self.plan.identifier("resp"),
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

    def _usage(self) -> Object:
        usage = self.plan.usage
        return {
            "input_tokens": usage.input_tokens,
            "input_tokens_details": {"cached_tokens": usage.cached_tokens, "cache_write_tokens": 0},
            "output_tokens": usage.output_tokens,
            "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
            "total_tokens": usage.total_tokens,
        }
