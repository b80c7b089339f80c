"""What is told in four ways, at either door, streamed and whole; by Codex, and by an upstream."""

from collections.abc import Iterator, Mapping
from typing import Final

from attrs import frozen

from codexd.wire.json import Json
from tests.parity.scenario import FollowUp, Reply, Results, Scenario
from tests.parity.scenarios.bodies import (
    CLOCK,
    SCHEMA,
    WEATHER,
    Members,
    at,
    chat,
    flat,
    functions,
    responses,
)

_NOTHING: Final[Mapping[str, Json]] = {}


@frozen
class Case:
    """One thing that both doors have.

    Attributes:
        name: of the scenario, without `-streamed`.
        about: what it shows.
        text: what the user says, in the scripted model's language.
        tools: functions that are offered.
        chat: further members of a Chat body.
        streamed: further ones of a Chat body that asks for a stream.
        responses: further members of a Responses body.
        then: what the client says to the answers.
    """

    name: str
    about: str
    text: str
    tools: tuple[Members, ...] = ()
    chat: Members = _NOTHING
    streamed: Members = _NOTHING
    responses: Members = _NOTHING
    then: tuple[FollowUp, ...] = ()


_TWO_CALLS: Final = 'call: weather {"city": "Oslo"}\ncall: clock {}'

_ANSWERS: Final = (
    Case("text", "a text, word by word", "say: The quick brown fox jumps.\n\nOver the lazy dog."),
    Case(
        "usage",
        "exact token figures, cached and reasoning ones among them",
        "usage: 1200,200,34,5\nsay: counted",
        streamed={"stream_options": {"include_usage": True}},
    ),
    Case("multi-turn", "a conversation that goes on", "say: first", then=(Reply("say: second"),)),
    Case(
        "reasoning",
        "reasoning with a summary, then the text",
        "think: Let me see.",
        chat={"reasoning_effort": "high"},
        responses={"reasoning": {"effort": "high", "summary": "auto"}},
    ),
    Case(
        "json-schema",
        "an answer that follows a JSON schema",
        'json: {"city": "Oslo", "degrees": 4}',
        chat={"response_format": {"type": "json_schema", "json_schema": SCHEMA}},
        responses={"text": {"format": {"type": "json_schema", **SCHEMA}}},
    ),
    Case(
        "length",
        "codexd's own limit of output tokens",
        "long: 40",
        chat={"max_completion_tokens": 16},
        responses={"max_output_tokens": 16},
    ),
    Case("incomplete", "the provider's limit of tokens", "incomplete: max_output_tokens Half an ans"),
    Case("content-filter", "the provider's content filter", "incomplete: content_filter I was about to"),
)

_TOOLS: Final = (
    Case("tools-one", "one tool call", 'call: weather {"city": "Oslo"}', (WEATHER, CLOCK)),
    Case("tools-parallel", "two tool calls at once", _TWO_CALLS, (WEATHER, CLOCK)),
    Case(
        "tools-continued",
        "a tool call and the answer to its result",
        'call: weather {"city": "Oslo"}',
        (WEATHER, CLOCK),
        then=(Results(("4 degrees, rain",)),),
    ),
    Case(
        "tools-parallel-continued",
        "two tool calls and the answer to their results",
        _TWO_CALLS,
        (WEATHER, CLOCK),
        then=(Results(("4 degrees, rain", "noon")),),
    ),
    Case(
        "tools-rounds",
        "calls upon results, a text upon results, and another question",
        'preface: Let me look.\ncall: weather {"city": "Oslo"}\nthen: call: clock {}\nthen: say: All known.',
        (WEATHER, CLOCK),
        then=(Results(("4 degrees, rain",)), Results(("noon",)), Reply("say: You are welcome.")),
    ),
)

_FAILURES: Final = (
    Case("fail-400", "the provider answers 400", "fail: 400"),
    Case("fail-401", "the provider answers 401, which is not the client's doing", "fail: 401"),
    Case("fail-403", "the provider answers 403, which is not the client's doing", "fail: 403"),
    Case("fail-404", "the provider answers 404", "fail: 404"),
    Case("fail-429", "the provider answers 429", "fail: 429"),
    Case("fail-500", "the provider answers 500", "fail: 500"),
    Case("fail-503", "the provider answers 503", "fail: 503"),
    Case("fail-rate-limit", "an answer fails: rate_limit_exceeded", "fail: rate_limit_exceeded"),
    Case("fail-context", "an answer fails: context_length_exceeded", "fail: context_length_exceeded"),
    Case("fail-quota", "an answer fails: insufficient_quota", "fail: insufficient_quota"),
    Case("fail-overloaded", "an answer fails: server_is_overloaded", "fail: server_is_overloaded"),
    Case("fail-other", "an answer fails with a code of its own", "fail: some_other_code"),
    Case(
        "fail-late",
        "an answer fails after a text: rate_limit_exceeded",
        "preface: So far so good.\nfail: rate_limit_exceeded",
    ),
    Case("cut", "the provider's stream is cut in the middle of a text", "cut: This sentence is not"),
)

_REJECTED: Final = (
    Case(
        "unknown-model",
        "a model that does not exist",
        "say: no",
        chat={"model": "m"},
        responses={"model": "m"},
    ),
    Case(
        "bad-body",
        "a field of the wrong type",
        "say: no",
        chat={"temperature": "hot"},
        responses={"temperature": "hot"},
    ),
)


def told(*cases: Case) -> Iterator[Scenario]:
    """Tell each of the cases in all four ways."""
    for case in cases:
        yield from _told(case)


def _told(case: Case) -> Iterator[Scenario]:
    for streamed in (False, True):
        way = "-streamed" if streamed else ""
        stream = {"stream": True} if streamed else {}
        at_chat = {**case.chat, **(case.streamed if streamed else {}), **stream}
        at_responses = {**case.responses, **stream}
        if case.tools:
            at_chat["tools"], at_responses["tools"] = functions(*case.tools), flat(*case.tools)
        asks = (chat(case.text, **at_chat), responses(case.text, **at_responses))
        for ask in asks:
            yield Scenario(f"{case.name}{way}", case.about, ask, case.then)


_FORWARDED: Final = tuple(told(*_ANSWERS, *_TOOLS, *_FAILURES))

SCENARIOS: Final = (*_FORWARDED, *told(*_REJECTED), *at("upstream", *_FORWARDED))
