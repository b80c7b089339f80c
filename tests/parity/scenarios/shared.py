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


@frozen(kw_only=True)
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
        name="text",
        about="a text, streamed word by word by the model",
        text="say: The quick brown fox jumps.\n\nOver the lazy dog.",
    ),
    SharedCase(
        name="usage",
        about="token usage with cached and reasoning tokens",
        text="usage: 1200,200,34,5\nsay: counted",
        streamed={"stream_options": {"include_usage": True}},
    ),
    SharedCase(
        name="multi-turn",
        about="a second turn with the history in the request",
        text="say: first",
        then=(UserReply("say: second"),),
    ),
    SharedCase(
        name="reasoning",
        about="reasoning with a summary before the text",
        text="think: Let me see.",
        chat={"reasoning_effort": "high"},
        responses={"reasoning": {"effort": "high", "summary": "auto"}},
    ),
    SharedCase(
        name="json-schema",
        about="a response that follows a JSON schema",
        text='json: {"city": "Oslo", "degrees": 4}',
        chat={"response_format": {"type": "json_schema", "json_schema": SCHEMA}},
        responses={"text": {"format": {"type": "json_schema", **SCHEMA}}},
    ),
    SharedCase(
        name="length",
        about="the request's limit of output tokens, enforced by codexd",
        text="long: 40",
        chat={"max_completion_tokens": 16},
        responses={"max_output_tokens": 16},
    ),
    SharedCase(
        name="incomplete",
        about="the provider stops at its token limit",
        text="incomplete: max_output_tokens Half an ans",
    ),
    SharedCase(
        name="content-filter",
        about="the provider stops for its content filter",
        text="incomplete: content_filter I was about to",
    ),
)

_TOOLS: Final = (
    SharedCase(name="tools-one", about="one tool call", text='call: weather {"city": "Oslo"}', tools=(WEATHER, CLOCK)),
    SharedCase(name="tools-parallel", about="two parallel tool calls", text=_TWO_CALLS, tools=(WEATHER, CLOCK)),
    SharedCase(
        name="tools-continued",
        about="a tool call, and the response to its result",
        text='call: weather {"city": "Oslo"}',
        tools=(WEATHER, CLOCK),
        then=(ToolResults(("4 degrees, rain",)),),
    ),
    SharedCase(
        name="tools-parallel-continued",
        about="two parallel tool calls, and the response to their results",
        text=_TWO_CALLS,
        tools=(WEATHER, CLOCK),
        then=(ToolResults(("4 degrees, rain", "noon")),),
    ),
    SharedCase(
        name="tools-rounds",
        about="tool calls in two rounds, a text, and another user message",
        text='preface: Let me look.\ncall: weather {"city": "Oslo"}\nthen: call: clock {}\nthen: say: All known.',
        tools=(WEATHER, CLOCK),
        then=(ToolResults(("4 degrees, rain",)), ToolResults(("noon",)), UserReply("say: You are welcome.")),
    ),
)

_FAILURES: Final = (
    SharedCase(name="fail-400", about="the provider answers 400", text="fail: 400"),
    SharedCase(name="fail-401", about="the provider answers 401: codexd's fault, not the client's", text="fail: 401"),
    SharedCase(name="fail-403", about="the provider answers 403: codexd's fault, not the client's", text="fail: 403"),
    SharedCase(name="fail-404", about="the provider answers 404", text="fail: 404"),
    SharedCase(
        name="fail-invalid-prompt",
        about="the provider answers 400 with the code invalid_prompt",
        text="fail: 400 invalid_prompt",
    ),
    SharedCase(
        name="fail-path", about="the provider answers 404 for its path: codexd's address", text="fail: 404 unknown_url"
    ),
    SharedCase(name="fail-409", about="the provider answers 409", text="fail: 409"),
    SharedCase(name="fail-418", about="the provider answers 418: it is no model server", text="fail: 418"),
    SharedCase(name="fail-422", about="the provider answers 422", text="fail: 422"),
    SharedCase(name="fail-429", about="the provider answers 429", text="fail: 429"),
    SharedCase(name="fail-500", about="the provider answers 500", text="fail: 500"),
    SharedCase(name="fail-503", about="the provider answers 503", text="fail: 503"),
    SharedCase(name="fail-rate-limit", about="a response fails: rate_limit_exceeded", text="fail: rate_limit_exceeded"),
    SharedCase(
        name="fail-context", about="a response fails: context_length_exceeded", text="fail: context_length_exceeded"
    ),
    SharedCase(name="fail-quota", about="a response fails: insufficient_quota", text="fail: insufficient_quota"),
    SharedCase(
        name="fail-overloaded", about="a response fails: server_is_overloaded", text="fail: server_is_overloaded"
    ),
    SharedCase(
        name="fail-prompt-late", about="a response fails: invalid_prompt", text="preface: So far.\nfail: invalid_prompt"
    ),
    SharedCase(name="fail-other", about="a response fails with an unknown code", text="fail: some_other_code"),
    SharedCase(
        name="fail-late",
        about="a response fails after some text: rate_limit_exceeded",
        text="preface: So far so good.\nfail: rate_limit_exceeded",
    ),
    SharedCase(
        name="cut", about="the provider's connection closes in the middle of a text", text="cut: This sentence is not"
    ),
)

_REJECTED: Final = (
    SharedCase(
        name="unknown-model",
        about="a model that does not exist",
        text="say: no",
        chat={"model": "m"},
        responses={"model": "m"},
    ),
    SharedCase(
        name="bad-body",
        about="a field of the wrong type",
        text="say: no",
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
            yield Scenario(name=f"{case.name}{suffix}", about=case.about, first=request, then=case.then)


_FORWARDED: Final = tuple(expand(*_ANSWERS, *_TOOLS, *_FAILURES))

SCENARIOS: Final = (*_FORWARDED, *expand(*_REJECTED), *in_place("upstream", *_FORWARDED))
