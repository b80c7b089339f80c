"""Compatibility modes beyond OpenAI's API; and tools and files that are not supported."""

from typing import Final

from attrs import evolve

from codexd.wire.json import Json
from tests.parity.scenario import CHAT, RESPONSES, Scenario, ScenarioRequest, ToolResults
from tests.parity.scenarios.request_bodies import (
    CLOCK,
    MODEL,
    WEATHER,
    chat,
    get,
    in_place,
    post,
    responses,
    responses_tools,
    user_message,
    with_streamed,
)

_TWO_CALLS: Final = 'preface: Let me look.\ncall: weather {"city": "Oslo"}\ncall: clock {}'


def _with_modes(modes: str, request: ScenarioRequest) -> ScenarioRequest:
    return evolve(request, headers=(("X-Codexd-Compatibility", modes),))


def _with_tool_message(content: Json) -> ScenarioRequest:
    """Build a request with a tool result as a message of role `tool`."""
    items: list[Json] = [
        user_message("What time is it?"),
        {"type": "function_call", "call_id": "call_1", "name": "clock", "arguments": "{}"},
        {"role": "tool", "tool_call_id": "call_1", "content": content},
    ]
    return post(RESPONSES, model=MODEL, input=items, tools=responses_tools(CLOCK))


_EVENTS: Final = (
    Scenario(
        name="tool-events-streamed",
        about="additional events for two tool calls",
        first=_with_modes("tool-events", responses(_TWO_CALLS, tools=responses_tools(WEATHER, CLOCK), stream=True)),
        then=(ToolResults(("4 degrees, rain", "noon")),),
    ),
    Scenario(
        name="tool-events-failed-streamed",
        about="the additional final event of a failed response",
        first=_with_modes("tool-events", responses("preface: So far so good.\nfail: rate_limit_exceeded", stream=True)),
    ),
    Scenario(
        name="tool-events-background-streamed",
        about="the stored stream has the additional events that were requested",
        first=_with_modes(
            "tool-events, tool-messages",
            responses("call: clock {}", tools=responses_tools(CLOCK), background=True, stream=True),
        ),
        then=(get(f"{RESPONSES}/{{1.id}}?stream=true"),),
    ),
    Scenario(
        name="tool-events",
        about="a response that is not streamed has no additional events",
        first=_with_modes("tool-events", responses("call: clock {}", tools=responses_tools(CLOCK))),
    ),
)

_MESSAGES: Final = (
    Scenario(
        name="tool-messages",
        about="a tool result as a message of role tool, stored in OpenAI's form",
        first=_with_modes("tool-messages", _with_tool_message("noon")),
        then=(get(f"{RESPONSES}/{{1.id}}/input_items"),),
    ),
    Scenario(
        name="tool-messages-parts",
        about="a tool result in parts, MCP's included",
        first=_with_modes(
            "tool-messages",
            _with_tool_message(
                [
                    {"type": "output", "body": {"time": "noon", "sun": True}},
                    {"type": "text", "text": "more or less"},
                ]
            ),
        ),
        then=(get(f"{RESPONSES}/{{1.id}}/input_items"),),
    ),
    Scenario(
        name="error-tool-messages",
        about="empty results, parts that are not text, and a client that did not request the mode",
        first=_with_modes("tool-messages", _with_tool_message("")),
        then=(
            _with_modes("tool-messages", _with_tool_message([])),
            _with_modes(
                "tool-messages",
                _with_tool_message([{"type": "input_image", "image_url": "https://example.org/a.png"}]),
            ),
            _with_tool_message("noon"),
            _with_modes("none", _with_tool_message("noon")),
        ),
    ),
    Scenario(name="error-compatibility", about="an unknown mode", first=_with_modes("tool-talk", responses("say: no"))),
)

_FILES: Final = (
    Scenario(
        name="error-attachments",
        about="attachments of the request and of a message",
        first=responses("say: no", attachments=[{"file_id": "file-1"}]),
        then=(
            post(
                RESPONSES,
                model=MODEL,
                input=[user_message("say: no") | {"attachments": [{"file_id": "file-1"}]}],
            ),
        ),
    ),
    Scenario(
        name="error-uploads",
        about="files given by id",
        first=post(RESPONSES, model=MODEL, input=[user_message([{"type": "input_file", "file_id": "file-1"}])]),
        then=(post(CHAT, model=MODEL, messages=[user_message([{"type": "file", "file": {"file_id": "file-1"}}])]),),
    ),
)

_HOSTED: Final = (
    "file_search",
    "code_interpreter",
    "computer_use_preview",
    "image_generation",
    "mcp",
    "tool_search",
    "local_shell",
)

_HOSTED_CHOICE: Final = Scenario(
    name="hosted-choice",
    about="a choice and an include of hosted tools are removed and listed in a header",
    first=responses(
        "say: yes",
        tools=responses_tools(CLOCK),
        tool_choice={"type": "file_search"},
        include=["file_search_call.results"],
    ),
    then=(responses("say: yes", tools=[{"type": "mcp"}], tool_choice="required"),),
)
_HOSTED_CHAT_CHOICE: Final = Scenario(
    name="hosted-choice",
    about="a choice of a hosted tool is removed and listed in a header",
    first=chat("say: yes", tools=[{"type": "web_search"}], tool_choice={"type": "web_search"}),
    then=(chat("say: yes", tools=[{"type": "mcp"}], tool_choice="required"),),
)

_TOOLS: Final = (
    *(
        Scenario(
            name=f"hosted-{kind.replace('_', '-')}",
            about="a hosted tool is removed and listed in a header, at both endpoints",
            first=responses("say: yes", tools=[*responses_tools(CLOCK), {"type": kind}]),
            then=(chat("say: yes", tools=[{"type": kind}]),),
        )
        for kind in _HOSTED
    ),
    *with_streamed(_HOSTED_CHOICE, _HOSTED_CHAT_CHOICE),
    *in_place("upstream", *with_streamed(_HOSTED_CHOICE, _HOSTED_CHAT_CHOICE)),
    evolve(
        _HOSTED_CHOICE,
        name="error-hosted-choice",
        about="tool_choice names a hosted tool, which the server refuses",
        place="gated",
    ),
    Scenario(
        name="error-hosted-tool",
        about="hosted tools that the server refuses, at both endpoints",
        first=responses("say: no", tools=[*responses_tools(CLOCK), {"type": "file_search"}]),
        then=(chat("say: no", tools=[{"type": "file_search"}]),),
        place="gated",
    ),
    Scenario(
        name="hosted-history",
        about="calls of hosted tools in a history are ignored and listed in a header",
        first=post(
            RESPONSES,
            model=MODEL,
            input=[
                {"type": "file_search_call", "id": "fs_1", "status": "completed", "queries": ["foxes"]},
                user_message("say: go on"),
            ],
        ),
    ),
)

SCENARIOS: Final = (*_EVENTS, *_MESSAGES, *_FILES, *_TOOLS)
