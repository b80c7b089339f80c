"""What Responses alone has."""

from collections.abc import Iterator
from typing import Final

from attrs import frozen

from codexd.parity.scenario import RESPONSES, Ask, FollowUp, Results, Scenario
from codexd.parity.scenarios.bodies import CLOCK, MODEL, PATCH, PATCHING, PIXEL, WEATHER, Members, flat, user
from codexd.wire.json import Json

_NAMESPACE: Final = {
    "type": "namespace",
    "name": "home",
    "description": "Everything in the house.",
    "tools": flat(WEATHER, CLOCK),
}
_CUSTOM: Final = {"type": "custom", **PATCH}

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
        name: of the scenario, without the way.
        about: what it shows.
        input: what is said.
        members: further members of the body.
        then: what the client says to the answers.
    """

    name: str
    about: str
    input: Json
    members: Members
    then: tuple[FollowUp, ...] = ()


_CASES: Final = (
    Case("instructions", "instructions", "say: Aye.", {"instructions": "Talk like a sailor."}),
    Case("items", "a history of items, reasoning and calls among them", _ITEMS, {"tools": flat(WEATHER)}),
    Case(
        "sealed-reasoning",
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
        "a hosted tool is accepted and named as ignored",
        "say: from memory",
        {"tools": [{"type": "web_search"}]},
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
        "nothing is stored yet, and that is said",
        "say: no",
        {"previous_response_id": "resp_1"},
    ),
)


def _told(case: Case) -> Iterator[Scenario]:
    body = {"model": MODEL, "input": case.input, **case.members}
    name = f"responses-{case.name}"
    yield Scenario(name, case.about, Ask.saying(RESPONSES, body), case.then)
    streamed = Ask.saying(RESPONSES, {**body, "stream": True})
    yield Scenario(f"{name}-streamed", case.about, streamed, case.then)


SCENARIOS: Final = tuple(scenario for case in _CASES for scenario in _told(case))
