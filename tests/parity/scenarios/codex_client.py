"""Scenarios of what Codex as a client sends: tools in items, its own tool search, names that Codex reserves."""

from typing import Final

from attrs import evolve

from codexd.wire.json import Json
from tests.parity.scenario import RESPONSES, Scenario
from tests.parity.scenarios.request_bodies import CLOCK, PATCH, PATCHING, get, responses, responses_tools, user_message

_TOOL_SEARCH: Final = {
    "type": "tool_search",
    "execution": "client",
    "description": "Searches for more tools.",
    "parameters": {"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]},
}
_ADDITIONAL_TOOLS: Final = {
    "type": "additional_tools",
    "role": "developer",
    "tools": [
        {"type": "namespace", "name": "functions", "description": "", "tools": [{"type": "custom", **PATCH}]},
        {"type": "namespace", "name": "mcp__home", "description": "The house.", "tools": responses_tools(CLOCK)},
    ],
}


def _search(text: str, call_id: str) -> list[Json]:
    head = {"call_id": call_id, "execution": "client", "status": "completed"}
    found = {**_ADDITIONAL_TOOLS["tools"][1], "description": "Tools in the mcp__home namespace."}  # type: ignore[dict-item]
    return [
        {"type": "tool_search_call", **head, "arguments": {"query": text}},
        {"type": "tool_search_output", **head, "tools": [found]},
    ]


SCENARIOS: Final = (
    Scenario(
        name="additional-tools",
        about="tools in an item of the input, a call of one of them, and a request that continues the response",
        first=responses([_ADDITIONAL_TOOLS, user_message("say: offered")]),
        then=(
            responses([user_message(PATCHING)], previous_response_id="{1.id}"),
            get(f"{RESPONSES}/{{2.id}}/input_items?order=asc"),
        ),
    ),
    Scenario(
        name="tool-search",
        about="a tool search that the client runs, and a request with the tools that it found",
        first=responses([user_message('call: tool_search {"query": "time"}')], tools=[_TOOL_SEARCH]),
        then=(
            responses(
                [user_message("What time is it?"), *_search("time", "call_1"), user_message("say: found")],
                tools=[_TOOL_SEARCH],
            ),
        ),
    ),
    Scenario(
        name="reserved-names",
        about="tools whose names or namespaces Codex reserves",
        first=responses(
            "call: exec_command {}",
            tools=[
                {"type": "function", "name": "exec_command"},
                {"type": "function", "name": "mcp__home__lamp"},
                {"type": "namespace", "name": "mcp__home", "description": "", "tools": responses_tools(CLOCK)},
            ],
        ),
    ),
    Scenario(
        name="error-websocket",
        about="an upgrade to WebSocket, which is not served",
        first=evolve(get(RESPONSES), headers=(("Connection", "Upgrade"), ("Upgrade", "websocket"))),
    ),
)
