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

_SAID: Final[list[Json]] = [user_message("say: one"), {"role": "assistant", "content": "one"}]
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


@frozen(kw_only=True)
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
    ResponsesCase(
        name="instructions", about="instructions", input="say: Aye.", members={"instructions": "Talk like a sailor."}
    ),
    ResponsesCase(
        name="items",
        about="a history of items, with reasoning and tool calls",
        input=_ITEMS,
        members={"tools": responses_tools(WEATHER)},
    ),
    ResponsesCase(
        name="encrypted-reasoning",
        about="encrypted reasoning content, requested and sent back",
        input="thinking: Hm.\ncall: clock {}",
        members={"tools": responses_tools(CLOCK), "include": ["reasoning.encrypted_content"], "store": False},
        then=(ToolResults(("noon",)),),
    ),
    ResponsesCase(
        name="custom-tool",
        about="a custom tool, whose input is plain text",
        input=PATCHING,
        members={"tools": [_CUSTOM]},
        then=(ToolResults(("done",)),),
    ),
    ResponsesCase(
        name="namespace-tool",
        about="a tool in a namespace",
        input="call: home.clock {}",
        members={"tools": [_NAMESPACE]},
        then=(ToolResults(("noon",)),),
    ),
    ResponsesCase(
        name="hosted-tool",
        about="a web search is offered, but not used",
        input="say: from memory",
        members={"tools": [{"type": "web_search"}]},
    ),
    ResponsesCase(
        name="web-search",
        about="a web search and a text that cites its results, sent back as history",
        input="search: foxes",
        members={"tools": [{"type": "web_search", "search_context_size": "low"}]},
        then=(UserReply("say: Thank you."),),
    ),
    ResponsesCase(
        name="web-search-continued",
        about="a stored response with a web search, continued",
        input="search: foxes",
        members={"tools": [_SEARCH]},
        then=(
            get(f"{RESPONSES}/{{1.id}}"),
            post(RESPONSES, model=MODEL, input="say: Thank you.", previous_response_id="{1.id}"),
            get(f"{RESPONSES}/{{3.id}}/input_items"),
        ),
    ),
    ResponsesCase(
        name="max-tool-calls",
        about="max_tool_calls is ignored and listed in a header",
        input="say: from memory",
        members={"tools": [{"type": "web_search"}], "max_tool_calls": 1},
    ),
    ResponsesCase(
        name="logprobs",
        about="log probabilities are ignored over Codex and listed in a header",
        input="say: surely",
        members={"include": ["message.output_text.logprobs"], "top_logprobs": 2},
    ),
    ResponsesCase(
        name="image",
        about="an image beside a text",
        input=[
            user_message([{"type": "input_text", "text": "What is it?"}, {"type": "input_image", "image_url": PIXEL}])
        ],
        members={},
    ),
    ResponsesCase(
        name="echo",
        about="the request's parameters are repeated in the response",
        input="say: as you like",
        members={
            "metadata": {"ticket": "7"},
            "temperature": 0.5,
            "user": "somebody",
            "truncation": "auto",
            "store": True,
            "prompt_cache_key": "mine",
            "text": {"verbosity": "low"},
        },
    ),
    ResponsesCase(
        name="compaction-trigger",
        about="a compaction in place of an answer, as Codex asks for it, and the next request",
        input=[*_SAID, {"type": "compaction_trigger"}],
        members={"store": False},
    ),
    ResponsesCase(
        name="compaction-threshold",
        about="a history that is compacted before it is answered",
        input=[user_message("filler " * 600), user_message("say: two")],
        members={"context_management": [{"type": "compaction", "compact_threshold": 1000}]},
        then=(UserReply("say: three"),),
    ),
    ResponsesCase(name="empty", about="an empty response", input="say: ", members={}),
    ResponsesCase(
        name="one-at-a-time",
        about="parallel_tool_calls false: the second of two calls waits for the first one's result",
        input='call: weather {"city": "Oslo"}\ncall: clock {}',
        members={"tools": responses_tools(WEATHER, CLOCK), "parallel_tool_calls": False},
        then=(ToolResults(("4 degrees, rain",)), ToolResults(("noon",))),
    ),
    ResponsesCase(
        name="previous-response",
        about="previous_response_id does not exist",
        input="say: no",
        members={"previous_response_id": "resp_1"},
    ),
)


def _image_at(url: str) -> ScenarioRequest:
    return post(RESPONSES, model=MODEL, input=[user_message([{"type": "input_image", "image_url": url}])])


_OTHERS: Final = (
    Scenario(
        name="error-metadata",
        about="invalid metadata: too many, too long, wrong type",
        first=responses("say: no", metadata={str(number): "" for number in range(17)}),
        then=(
            responses("say: no", metadata={"k" * 65: ""}),
            responses("say: no", metadata={"k": "v" * 513}),
            responses("say: no", metadata={"k": 1}),
        ),
    ),
    Scenario(
        name="input-tokens",
        about="input tokens of a request alone, and of one that continues a stored response",
        first=post(_COUNT, model=MODEL, input="How many tokens are these?"),
        then=(
            post(_COUNT),
            responses("say: And these?"),
            post(_COUNT, input="All together?", previous_response_id="{3.id}"),
            post(_COUNT, input="And none?", previous_response_id="resp_1"),
        ),
    ),
    Scenario(
        name="error-image-url",
        about="images by URL that are not fetched: not a public address, a user name, a port, a URL that is not valid",
        first=_image_at("http://127.0.0.1/a.png"),
        then=(
            _image_at("http://user@127.0.0.1/a.png"),
            _image_at("https://example.org:22/a.png"),
            _image_at("https://"),
        ),
    ),
    Scenario(
        name="compact",
        about="a compacted history, and requests for a compaction that are invalid",
        first=post(f"{RESPONSES}/compact", model=MODEL, input=_SAID),
        then=(post(f"{RESPONSES}/compact", input="say: no"), post(f"{RESPONSES}/compact", model=MODEL)),
    ),
)


def _build(case: ResponsesCase) -> Scenario:
    body = {"model": MODEL, "input": case.input, **case.members}
    return Scenario(name=case.name, about=case.about, first=ScenarioRequest.with_json(RESPONSES, body), then=case.then)


SCENARIOS: Final = (*with_streamed(*map(_build, _CASES)), *_OTHERS)
