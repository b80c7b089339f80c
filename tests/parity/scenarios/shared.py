"""Scenarios of both Chat and Responses, streamed and not, over Codex and over upstreams."""

from collections.abc import Iterator, Mapping
from typing import Final

from attrs import frozen

from codexd.wire.json import Json
from tests.parity.scenario import FollowUp, Scenario, ToolResults, UserReply
from tests.parity.scenarios.request_bodies import (
    CLOCK,
    SCHEMA,
    WEATHER,
    Members,
    chat,
    chat_tools,
    in_place,
    responses,
    responses_tools,
)

_NONE: Final[Mapping[str, Json]] = {}


@frozen
class SharedCase:
    """A scenario of both endpoints.

    Attributes:
        name: name of the scenario, without `-streamed`.
        about: what it shows.
        text: the user message, a script for the scripted model.
        tools: functions offered to the model.
        chat: further members of a Chat body.
        streamed: further members of a streamed Chat body.
        responses: further members of a Responses body.
        then: the follow-ups.
    """

    name: str
    about: str
    text: str
    tools: tuple[Members, ...] = ()
    chat: Members = _NONE
    streamed: Members = _NONE
    responses: Members = _NONE
    then: tuple[FollowUp, ...] = ()


_TWO_CALLS: Final = 'call: weather {"city": "Oslo"}\ncall: clock {}'

_ANSWERS: Final = (
    SharedCase(
        "text",
        "a text, streamed word by word by the model",
        "say: The quick brown fox jumps.\n\nOver the lazy dog.",
    ),
    SharedCase(
        "usage",
        "token usage with cached and reasoning tokens",
        "usage: 1200,200,34,5\nsay: counted",
        streamed={"stream_options": {"include_usage": True}},
    ),
    SharedCase(
        "multi-turn",
        "a second turn with the history in the request",
        "say: first",
        then=(UserReply("say: second"),),
    ),
    SharedCase(
        "reasoning",
        "reasoning with a summary before the text",
        "think: Let me see.",
        chat={"reasoning_effort": "high"},
        responses={"reasoning": {"effort": "high", "summary": "auto"}},
    ),
    SharedCase(
        "json-schema",
        "a response that follows a JSON schema",
        'json: {"city": "Oslo", "degrees": 4}',
        chat={"response_format": {"type": "json_schema", "json_schema": SCHEMA}},
        responses={"text": {"format": {"type": "json_schema", **SCHEMA}}},
    ),
    SharedCase(
        "length",
        "the request's limit of output tokens, enforced by codexd",
        "long: 40",
        chat={"max_completion_tokens": 16},
        responses={"max_output_tokens": 16},
    ),
    SharedCase("incomplete", "the provider stops at its token limit", "incomplete: max_output_tokens Half an ans"),
    SharedCase(
        "content-filter",
        "the provider stops for its content filter",
        "incomplete: content_filter I was about to",
    ),
)

_TOOLS: Final = (
    SharedCase("tools-one", "one tool call", 'call: weather {"city": "Oslo"}', (WEATHER, CLOCK)),
    SharedCase("tools-parallel", "two parallel tool calls", _TWO_CALLS, (WEATHER, CLOCK)),
    SharedCase(
        "tools-continued",
        "a tool call, and the response to its result",
        'call: weather {"city": "Oslo"}',
        (WEATHER, CLOCK),
        then=(ToolResults(("4 degrees, rain",)),),
    ),
    SharedCase(
        "tools-parallel-continued",
        "two parallel tool calls, and the response to their results",
        _TWO_CALLS,
        (WEATHER, CLOCK),
        then=(ToolResults(("4 degrees, rain", "noon")),),
    ),
    SharedCase(
        "tools-rounds",
        "tool calls in two rounds, a text, and another user message",
        'preface: Let me look.\ncall: weather {"city": "Oslo"}\nthen: call: clock {}\nthen: say: All known.',
        (WEATHER, CLOCK),
        then=(ToolResults(("4 degrees, rain",)), ToolResults(("noon",)), UserReply("say: You are welcome.")),
    ),
)

_FAILURES: Final = (
    SharedCase("fail-400", "the provider answers 400", "fail: 400"),
    SharedCase("fail-401", "the provider answers 401: codexd's fault, not the client's", "fail: 401"),
    SharedCase("fail-403", "the provider answers 403: codexd's fault, not the client's", "fail: 403"),
    SharedCase("fail-404", "the provider answers 404", "fail: 404"),
    SharedCase("fail-429", "the provider answers 429", "fail: 429"),
    SharedCase("fail-500", "the provider answers 500", "fail: 500"),
    SharedCase("fail-503", "the provider answers 503", "fail: 503"),
    SharedCase("fail-rate-limit", "a response fails: rate_limit_exceeded", "fail: rate_limit_exceeded"),
    SharedCase("fail-context", "a response fails: context_length_exceeded", "fail: context_length_exceeded"),
    SharedCase("fail-quota", "a response fails: insufficient_quota", "fail: insufficient_quota"),
    SharedCase("fail-overloaded", "a response fails: server_is_overloaded", "fail: server_is_overloaded"),
    SharedCase("fail-other", "a response fails with an unknown code", "fail: some_other_code"),
    SharedCase(
        "fail-late",
        "a response fails after some text: rate_limit_exceeded",
        "preface: So far so good.\nfail: rate_limit_exceeded",
    ),
    SharedCase("cut", "the provider's connection closes in the middle of a text", "cut: This sentence is not"),
)

_REJECTED: Final = (
    SharedCase(
        "unknown-model",
        "a model that does not exist",
        "say: no",
        chat={"model": "m"},
        responses={"model": "m"},
    ),
    SharedCase(
        "bad-body",
        "a field of the wrong type",
        "say: no",
        chat={"temperature": "hot"},
        responses={"temperature": "hot"},
    ),
)


def expand(*cases: SharedCase) -> Iterator[Scenario]:
    """Yield each case at both endpoints, not streamed and streamed."""
    for case in cases:
        yield from _expand(case)


def _expand(case: SharedCase) -> Iterator[Scenario]:
    for streamed in (False, True):
        suffix = "-streamed" if streamed else ""
        stream = {"stream": True} if streamed else {}
        chat_members = {**case.chat, **(case.streamed if streamed else {}), **stream}
        responses_members = {**case.responses, **stream}
        if case.tools:
            chat_members["tools"], responses_members["tools"] = (
                chat_tools(*case.tools),
                responses_tools(*case.tools),
            )
        requests = (chat(case.text, **chat_members), responses(case.text, **responses_members))
        for request in requests:
            yield Scenario(f"{case.name}{suffix}", case.about, request, case.then)


_FORWARDED: Final = tuple(expand(*_ANSWERS, *_TOOLS, *_FAILURES))

SCENARIOS: Final = (*_FORWARDED, *expand(*_REJECTED), *in_place("upstream", *_FORWARDED))
