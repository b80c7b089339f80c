"""Scenarios of Responses alone."""

from typing import Final

from attrs import frozen

from codexd.wire.json import Json
from tests.parity.scenario import RESPONSES, Scenario, ScenarioRequest, Step, ToolResults, UserReply
from tests.parity.scenarios.request_bodies import (
    CLOCK,
    MODEL,
    PATCH,
    PATCHING,
    PIXEL,
    WEATHER,
    Members,
    get,
    post,
    responses,
    responses_tools,
    user_message,
    with_streamed,
)

_NAMESPACE: Final = {
    "type": "namespace",
    "name": "home",
    "description": "Everything in the house.",
    "tools": responses_tools(WEATHER, CLOCK),
}
_CUSTOM: Final = {"type": "custom", **PATCH}
_SEARCH: Final = {"type": "web_search", "user_location": {"type": "approximate", "city": "Oslo"}}
_COUNT: Final = f"{RESPONSES}/input_tokens"

_ITEMS: Final[list[Json]] = [
    {"role": "developer", "content": "Be kind."},
    {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "What is the weather?"}]},
    {
        "type": "reasoning",
        "id": "rs_1",
        "summary": [{"type": "summary_text", "text": "I should look."}],
        "encrypted_content": "c2VhbGVk",
    },
    {
        "type": "function_call",
        "id": "fc_1",
        "call_id": "call_1",
        "name": "weather",
        "arguments": '{"city":"Oslo"}',
        "status": "completed",
    },
    {"type": "function_call_output", "call_id": "call_1", "output": "4 degrees, rain"},
    {
        "type": "message",
        "id": "msg_1",
        "role": "assistant",
        "status": "completed",
        "content": [{"type": "output_text", "text": "It rains.", "annotations": []}],
    },
    user_message("say: Thank you."),
]


@frozen
class ResponsesCase:
    """A scenario, not streamed and streamed.

    Attributes:
        name: name of the scenario, without `-streamed`.
        about: what it shows.
        input: the request's input.
        members: further members of the body.
        then: the requests after it.
    """

    name: str
    about: str
    input: Json
    members: Members
    then: tuple[Step, ...] = ()


_CASES: Final = (
    ResponsesCase("instructions", "instructions", "say: Aye.", {"instructions": "Talk like a sailor."}),
    ResponsesCase(
        "items",
        "a history of items, with reasoning and tool calls",
        _ITEMS,
        {"tools": responses_tools(WEATHER)},
    ),
    ResponsesCase(
        "encrypted-reasoning",
        "encrypted reasoning content, requested and sent back",
        "thinking: Hm.\ncall: clock {}",
        {"tools": responses_tools(CLOCK), "include": ["reasoning.encrypted_content"], "store": False},
        (ToolResults(("noon",)),),
    ),
    ResponsesCase(
        "custom-tool",
        "a custom tool, whose input is plain text",
        PATCHING,
        {"tools": [_CUSTOM]},
        (ToolResults(("done",)),),
    ),
    ResponsesCase(
        "namespace-tool",
        "a tool in a namespace",
        "call: home.clock {}",
        {"tools": [_NAMESPACE]},
        (ToolResults(("noon",)),),
    ),
    ResponsesCase(
        "hosted-tool",
        "a web search is offered, but not used",
        "say: from memory",
        {"tools": [{"type": "web_search"}]},
    ),
    ResponsesCase(
        "web-search",
        "a web search and a text that cites its results, sent back as history",
        "search: foxes",
        {"tools": [{"type": "web_search", "search_context_size": "low"}]},
        (UserReply("say: Thank you."),),
    ),
    ResponsesCase(
        "web-search-continued",
        "a stored response with a web search, continued",
        "search: foxes",
        {"tools": [_SEARCH]},
        (
            get(f"{RESPONSES}/{{1.id}}"),
            post(RESPONSES, model=MODEL, input="say: Thank you.", previous_response_id="{1.id}"),
            get(f"{RESPONSES}/{{3.id}}/input_items"),
        ),
    ),
    ResponsesCase(
        "max-tool-calls",
        "max_tool_calls is ignored and listed in a header",
        "say: from memory",
        {"tools": [{"type": "web_search"}], "max_tool_calls": 1},
    ),
    ResponsesCase(
        "logprobs",
        "log probabilities are ignored over Codex and listed in a header",
        "say: surely",
        {"include": ["message.output_text.logprobs"], "top_logprobs": 2},
    ),
    ResponsesCase(
        "image",
        "an image beside a text",
        [user_message([{"type": "input_text", "text": "What is it?"}, {"type": "input_image", "image_url": PIXEL}])],
        {},
    ),
    ResponsesCase(
        "echo",
        "the request's parameters are repeated in the response",
        "say: as you like",
        {
            "metadata": {"ticket": "7"},
            "temperature": 0.5,
            "user": "somebody",
            "truncation": "auto",
            "store": True,
            "prompt_cache_key": "mine",
            "text": {"verbosity": "low"},
        },
    ),
    ResponsesCase("empty", "an empty response", "say: ", {}),
    ResponsesCase(
        "one-at-a-time",
        "parallel_tool_calls false: the second of two calls waits for the first one's result",
        'call: weather {"city": "Oslo"}\ncall: clock {}',
        {"tools": responses_tools(WEATHER, CLOCK), "parallel_tool_calls": False},
        (ToolResults(("4 degrees, rain",)), ToolResults(("noon",))),
    ),
    ResponsesCase(
        "previous-response",
        "previous_response_id does not exist",
        "say: no",
        {"previous_response_id": "resp_1"},
    ),
)


_OTHERS: Final = (
    Scenario(
        "error-metadata",
        "invalid metadata: too many, too long, wrong type",
        responses("say: no", metadata={str(number): "" for number in range(17)}),
        (
            responses("say: no", metadata={"k" * 65: ""}),
            responses("say: no", metadata={"k": "v" * 513}),
            responses("say: no", metadata={"k": 1}),
        ),
    ),
    Scenario(
        "input-tokens",
        "input tokens of a request alone, and of one that continues a stored response",
        post(_COUNT, model=MODEL, input="How many tokens are these?"),
        (
            post(_COUNT),
            responses("say: And these?"),
            post(_COUNT, input="All together?", previous_response_id="{3.id}"),
            post(_COUNT, input="And none?", previous_response_id="resp_1"),
        ),
    ),
    Scenario(
        "error-compact",
        "compaction is not supported",
        post(f"{RESPONSES}/compact", model=MODEL, input="say: no"),
    ),
)


def _build(case: ResponsesCase) -> Scenario:
    body = {"model": MODEL, "input": case.input, **case.members}
    return Scenario(case.name, case.about, ScenarioRequest.with_json(RESPONSES, body), case.then)


SCENARIOS: Final = (*with_streamed(*map(_build, _CASES)), *_OTHERS)
