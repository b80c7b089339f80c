"""What Responses alone has."""

from typing import Final

from attrs import frozen

from codexd.wire.json import Json
from tests.parity.scenario import RESPONSES, Ask, Reply, Results, Scenario, Step
from tests.parity.scenarios.bodies import (
    CLOCK,
    MODEL,
    PATCH,
    PATCHING,
    PIXEL,
    WEATHER,
    Members,
    both_ways,
    flat,
    get,
    post,
    responses,
    user,
)

_NAMESPACE: Final = {
    "type": "namespace",
    "name": "home",
    "description": "Everything in the house.",
    "tools": flat(WEATHER, CLOCK),
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
    user("say: Thank you."),
]


@frozen
class Case:
    """A request, told streamed and whole.

    Attributes:
        name: of the scenario, without `-streamed`.
        about: what it shows.
        input: what is said.
        members: further members of the body.
        then: what the client says to the answers.
    """

    name: str
    about: str
    input: Json
    members: Members
    then: tuple[Step, ...] = ()


_CASES: Final = (
    Case("instructions", "instructions", "say: Aye.", {"instructions": "Talk like a sailor."}),
    Case("items", "a history of items, reasoning and calls among them", _ITEMS, {"tools": flat(WEATHER)}),
    Case(
        "encrypted-reasoning",
        "reasoning with its sealed content, asked for and sent back",
        "thinking: Hm.\ncall: clock {}",
        {"tools": flat(CLOCK), "include": ["reasoning.encrypted_content"], "store": False},
        (Results(("noon",)),),
    ),
    Case(
        "custom-tool",
        "a custom tool: its input is text",
        PATCHING,
        {"tools": [_CUSTOM]},
        (Results(("done",)),),
    ),
    Case(
        "namespace-tool",
        "a tool in a namespace",
        "call: home.clock {}",
        {"tools": [_NAMESPACE]},
        (Results(("noon",)),),
    ),
    Case(
        "hosted-tool",
        "a web search is offered, and not made",
        "say: from memory",
        {"tools": [{"type": "web_search"}]},
    ),
    Case(
        "web-search",
        "a web search, and a text that cites what was found; both are sent back",
        "search: foxes",
        {"tools": [{"type": "web_search", "search_context_size": "low"}]},
        (Reply("say: Thank you."),),
    ),
    Case(
        "web-search-continued",
        "a web search that is kept, and gone on from",
        "search: foxes",
        {"tools": [_SEARCH]},
        (
            get(f"{RESPONSES}/{{1.id}}"),
            post(RESPONSES, model=MODEL, input="say: Thank you.", previous_response_id="{1.id}"),
            get(f"{RESPONSES}/{{3.id}}/input_items"),
        ),
    ),
    Case(
        "max-tool-calls",
        "a limit of hosted calls, which is not kept, is named as ignored",
        "say: from memory",
        {"tools": [{"type": "web_search"}], "max_tool_calls": 1},
    ),
    Case(
        "logprobs",
        "log probabilities, which Codex does not have, are named as ignored",
        "say: surely",
        {"include": ["message.output_text.logprobs"], "top_logprobs": 2},
    ),
    Case(
        "image",
        "an image beside a text",
        [user([{"type": "input_text", "text": "What is it?"}, {"type": "input_image", "image_url": PIXEL}])],
        {},
    ),
    Case(
        "echo",
        "what a request says of itself is repeated",
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
    Case("empty", "an answer without a word", "say: ", {}),
    Case(
        "one-at-a-time",
        "of two calls the second is held back until the first has its result",
        'call: weather {"city": "Oslo"}\ncall: clock {}',
        {"tools": flat(WEATHER, CLOCK), "parallel_tool_calls": False},
        (Results(("4 degrees, rain",)), Results(("noon",))),
    ),
    Case(
        "previous-response",
        "what would be gone on from is not there",
        "say: no",
        {"previous_response_id": "resp_1"},
    ),
)


_ASIDE: Final = (
    Scenario(
        "error-metadata",
        "labels that are too many, too long, or no labels",
        responses("say: no", metadata={str(number): "" for number in range(17)}),
        (
            responses("say: no", metadata={"k" * 65: ""}),
            responses("say: no", metadata={"k": "v" * 513}),
            responses("say: no", metadata={"k": 1}),
        ),
    ),
    Scenario(
        "input-tokens",
        "tokens are counted, of a request alone and of one that goes on from a kept answer",
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
        "a history cannot be compacted here",
        post(f"{RESPONSES}/compact", model=MODEL, input="say: no"),
    ),
)


def _whole(case: Case) -> Scenario:
    body = {"model": MODEL, "input": case.input, **case.members}
    return Scenario(case.name, case.about, Ask.saying(RESPONSES, body), case.then)


SCENARIOS: Final = (*both_ways(*map(_whole, _CASES)), *_ASIDE)
