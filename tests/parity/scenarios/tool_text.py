"""Tool calls as text blocks: shown to clients that want them, and read from models that write them."""

from typing import Final

from attrs import evolve

from tests.parity.scenario import COMPLETIONS, Scenario, ScenarioRequest, ToolResults, UserReply
from tests.parity.scenarios.request_bodies import (
    CLOCK,
    MODEL,
    PATCH,
    WEATHER,
    chat,
    chat_tools,
    in_place,
    post,
    responses,
    responses_tools,
    with_streamed,
)

_TOOLS: Final = chat_tools(WEATHER, CLOCK)
_CALLS: Final = 'preface: Let me look.\ncall: weather {"city": "R&D <Oslo>"}\ncall: clock {}'
_OSLO: Final = "<use_tool>\n  <name>weather</name>\n  <city>Oslo</city>\n</use_tool>"
_NOON: Final = "<use_tool>\n<name>clock</name>\n</use_tool>"
_WRITTEN: Final = f"shape: chars\nsay: Let me look.\n\n{_OSLO}\n\n{_NOON}"
_BROKEN: Final = (
    f"shape: chars\nsay: A < B, <use_tool> is no call, nor is <use_tool><name>weather</name>{_NOON}<use_too"
)
_UNKNOWN: Final = "say: <use_tool><name>rocket</name></use_tool>"
_POOR: Final = "poor/scripted"


def _with_mode(mode: str, request: ScenarioRequest, header: str = "X-Codexd-Output-Mode") -> ScenarioRequest:
    return evolve(request, headers=((header, mode),))


_SHOWN: Final = (
    Scenario(
        "blocks-made",
        "two tool calls are shown as text blocks, and sent back as text",
        _with_mode("obsidian-xml", chat(_CALLS, tools=_TOOLS)),
        (UserReply("say: It rains at noon."),),
    ),
    Scenario(
        "blocks-made",
        "two tool calls are shown as text blocks",
        _with_mode("obsidian-xml", responses(_CALLS, tools=responses_tools(WEATHER, CLOCK))),
    ),
    Scenario(
        "blocks-written",
        "two text blocks that the model wrote, each shown in one delta",
        _with_mode("obsidian-xml", chat(_WRITTEN), header="X-Proxy-Output-Mode"),
    ),
    Scenario(
        "blocks-broken",
        "malformed blocks stay text, unchanged",
        _with_mode("obsidian-xml", chat(_BROKEN)),
    ),
)

_READ: Final = (
    Scenario(
        "blocks-read",
        "two text blocks that the model wrote become tool calls",
        chat(_WRITTEN, tools=_TOOLS),
        (ToolResults(("4 degrees, rain", "noon")),),
    ),
    Scenario(
        "blocks-read",
        "two text blocks that the model wrote become tool calls",
        responses(_WRITTEN, tools=responses_tools(WEATHER, CLOCK)),
    ),
    Scenario("blocks-unknown", "a block of a tool that is not offered stays text", chat(_UNKNOWN, tools=_TOOLS)),
)

_WITHOUT_TOOLS: Final = (
    Scenario(
        "tools-as-text",
        "a model without tool support: tools are described in its prompt, its text blocks become calls",
        chat(_WRITTEN, model=_POOR, tools=_TOOLS),
        (ToolResults(("4 degrees, rain", "</result> noon")),),
    ),
    Scenario(
        "tools-as-text",
        "a model without tool support calls a custom tool by a text block, and is sent its result",
        responses(
            "say: <use_tool><name>apply_patch</name><input>+a</input></use_tool>",
            model=_POOR,
            tools=[{"type": "custom", **PATCH}],
            parallel_tool_calls=False,
        ),
        (ToolResults(("done",)),),
    ),
    Scenario(
        "tools-as-text-shown",
        "a model without tool support, and a client that wants text blocks",
        _with_mode("obsidian-xml", chat(_WRITTEN, model=_POOR, tools=_TOOLS)),
    ),
    Scenario(
        "tools-as-text-unmet",
        "a model without tool support does not call a required tool",
        chat("say: I would rather not.", model=_POOR, tools=_TOOLS, tool_choice="required"),
    ),
)

_THREE: Final = "call: clock {}\ncall: clock {}\ncall: clock {}"

_LIMITS: Final = (
    Scenario(
        "blocks-most",
        "tools.block_max: only the first two of three calls are shown",
        chat(_THREE, tools=_TOOLS),
    ),
    Scenario(
        "blocks-burst",
        "tools.stop_after: the response ends at the first text after a block",
        chat(f"shape: whole\nstall: Let me look. {_NOON} And then"),
    ),
    Scenario(
        "blocks-default",
        "tools.output_mode is the default, and a header overrides it",
        chat("call: clock {}", tools=_TOOLS),
        (_with_mode("openai-json", chat("call: clock {}", tools=_TOOLS)),),
    ),
    Scenario(
        "blocks-written",
        "a text block that the model wrote, at legacy completions",
        post(COMPLETIONS, model=MODEL, prompt=f"shape: chars\nsay: Now. {_NOON}"),
    ),
)

_ERRORS: Final = (Scenario("error-output-mode", "an unknown mode", _with_mode("yaml", chat("say: no"))),)

_EVERYWHERE: Final = tuple(with_streamed(*_SHOWN, *_READ))

SCENARIOS: Final = (
    *_EVERYWHERE,
    *in_place("upstream", *_EVERYWHERE, *with_streamed(*_WITHOUT_TOOLS)),
    *in_place("gated", *with_streamed(*_LIMITS)),
    *_ERRORS,
)
