"""Habits beyond OpenAI's, for those who ask for them; and tools and files that nobody here can serve."""

from typing import Final

from attrs import evolve

from codexd.wire.json import Json
from tests.parity.scenario import CHAT, RESPONSES, Ask, Results, Scenario
from tests.parity.scenarios.bodies import CLOCK, MODEL, WEATHER, flat, get, post, responses, user

_TWO_CALLS: Final = 'preface: Let me look.\ncall: weather {"city": "Oslo"}\ncall: clock {}'


def _in(modes: str, ask: Ask) -> Ask:
    return evolve(ask, headers=(("X-Codexd-Compatibility", modes),))


def _told(content: Json) -> Ask:
    """Send the result of a call as a message of role `tool`."""
    items: list[Json] = [
        user("What time is it?"),
        {"type": "function_call", "call_id": "call_1", "name": "clock", "arguments": "{}"},
        {"role": "tool", "tool_call_id": "call_1", "content": content},
    ]
    return post(RESPONSES, model=MODEL, input=items, tools=flat(CLOCK))


_EVENTS: Final = (
    Scenario(
        "tool-events-streamed",
        "further events for two calls",
        _in("tool-events", responses(_TWO_CALLS, tools=flat(WEATHER, CLOCK), stream=True)),
        (Results(("4 degrees, rain", "noon")),),
    ),
    Scenario(
        "tool-events-failed-streamed",
        "the further end of an answer that fails",
        _in("tool-events", responses("preface: So far so good.\nfail: rate_limit_exceeded", stream=True)),
    ),
    Scenario(
        "tool-events-background-streamed",
        "the kept stream has the further events that were asked for",
        _in(
            "tool-events, tool-messages",
            responses("call: clock {}", tools=flat(CLOCK), background=True, stream=True),
        ),
        (get(f"{RESPONSES}/{{1.id}}?stream=true"),),
    ),
    Scenario(
        "tool-events",
        "an answer that is not streamed has nothing further",
        _in("tool-events", responses("call: clock {}", tools=flat(CLOCK))),
    ),
)

_MESSAGES: Final = (
    Scenario(
        "tool-messages",
        "a tool's result as a message of role tool; it is kept as OpenAI has it",
        _in("tool-messages", _told("noon")),
        (get(f"{RESPONSES}/{{1.id}}/input_items"),),
    ),
    Scenario(
        "tool-messages-parts",
        "a tool's result in parts, MCP's among them",
        _in(
            "tool-messages",
            _told(
                [
                    {"type": "output", "body": {"time": "noon", "sun": True}},
                    {"type": "text", "text": "more or less"},
                ]
            ),
        ),
        (get(f"{RESPONSES}/{{1.id}}/input_items"),),
    ),
    Scenario(
        "error-tool-messages",
        "results that say nothing, parts that are no text, and a client that did not ask for the mode",
        _in("tool-messages", _told("")),
        (
            _in("tool-messages", _told([])),
            _in("tool-messages", _told([{"type": "input_image", "image_url": "https://example.org/a.png"}])),
            _told("noon"),
            _in("none", _told("noon")),
        ),
    ),
    Scenario("error-compatibility", "a mode that there is not", _in("tool-talk", responses("say: no"))),
)

_FILES: Final = (
    Scenario(
        "error-attachments",
        "attachments, at the top and on a message",
        responses("say: no", attachments=[{"file_id": "file-1"}]),
        (post(RESPONSES, model=MODEL, input=[user("say: no") | {"attachments": [{"file_id": "file-1"}]}]),),
    ),
    Scenario(
        "error-uploads",
        "files by their ids",
        post(RESPONSES, model=MODEL, input=[user([{"type": "input_file", "file_id": "file-1"}])]),
        (post(CHAT, model=MODEL, messages=[user([{"type": "file", "file": {"file_id": "file-1"}}])]),),
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

_TOOLS: Final = (
    *(
        Scenario(
            f"error-hosted-{kind.replace('_', '-')}",
            "a hosted tool that nobody here can run, at both doors",
            responses("say: no", tools=[*flat(CLOCK), {"type": kind}]),
            (post(CHAT, model=MODEL, messages=[user("say: no")], tools=[{"type": kind}]),),
        )
        for kind in _HOSTED
    ),
    Scenario(
        "error-hosted-choice",
        "a hosted tool is chosen; a search cannot be forced",
        responses("say: no", tools=flat(CLOCK), tool_choice={"type": "file_search"}),
        (responses("search: no", tools=[{"type": "web_search"}], tool_choice={"type": "web_search"}),),
    ),
    Scenario(
        "hosted-history",
        "the calls of hosted tools in a history are passed over and named",
        post(
            RESPONSES,
            model=MODEL,
            input=[
                {"type": "file_search_call", "id": "fs_1", "status": "completed", "queries": ["foxes"]},
                user("say: go on"),
            ],
        ),
    ),
)

SCENARIOS: Final = (*_EVENTS, *_MESSAGES, *_FILES, *_TOOLS)
