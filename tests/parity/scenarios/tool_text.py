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
        name="blocks-made",
        about="two tool calls are shown as text blocks, and sent back as text",
        first=_with_mode("obsidian-xml", chat(_CALLS, tools=_TOOLS)),
        then=(UserReply("say: It rains at noon."),),
    ),
    Scenario(
        name="blocks-made",
        about="two tool calls are shown as text blocks",
        first=_with_mode("obsidian-xml", responses(_CALLS, tools=responses_tools(WEATHER, CLOCK))),
    ),
    Scenario(
        name="blocks-written",
        about="two text blocks that the model wrote, each shown in one delta",
        first=_with_mode("obsidian-xml", chat(_WRITTEN), header="X-Proxy-Output-Mode"),
    ),
    Scenario(
        name="blocks-broken",
        about="malformed blocks stay text, unchanged",
        first=_with_mode("obsidian-xml", chat(_BROKEN)),
    ),
)

_READ: Final = (
    Scenario(
        name="blocks-read",
        about="two text blocks that the model wrote become tool calls",
        first=chat(_WRITTEN, tools=_TOOLS),
        then=(ToolResults(("4 degrees, rain", "noon")),),
    ),
    Scenario(
        name="blocks-read",
        about="two text blocks that the model wrote become tool calls",
        first=responses(_WRITTEN, tools=responses_tools(WEATHER, CLOCK)),
    ),
    Scenario(
        name="blocks-unknown",
        about="a block of a tool that is not offered stays text",
        first=chat(_UNKNOWN, tools=_TOOLS),
    ),
)

_WITHOUT_TOOLS: Final = (
    Scenario(
        name="tools-as-text",
        about="a model without tool support: tools are described in its prompt, its text blocks become calls",
        first=chat(_WRITTEN, model=_POOR, tools=_TOOLS),
        then=(ToolResults(("4 degrees, rain", "</result> noon")),),
    ),
    Scenario(
        name="tools-as-text",
        about="a model without tool support calls a custom tool by a text block, and is sent its result",
        first=responses(
            "say: <use_tool><name>apply_patch</name><input>+a</input></use_tool>",
            model=_POOR,
            tools=[{"type": "custom", **PATCH}],
            parallel_tool_calls=False,
        ),
        then=(ToolResults(("done",)),),
    ),
    Scenario(
        name="tools-as-text-shown",
        about="a model without tool support, and a client that wants text blocks",
        first=_with_mode("obsidian-xml", chat(_WRITTEN, model=_POOR, tools=_TOOLS)),
    ),
    Scenario(
        name="tools-as-text-unmet",
        about="a model without tool support does not call a required tool",
        first=chat("say: I would rather not.", model=_POOR, tools=_TOOLS, tool_choice="required"),
    ),
)

_THREE: Final = "call: clock {}\ncall: clock {}\ncall: clock {}"

_LIMITS: Final = (
    Scenario(
        name="blocks-most",
        about="tools.block_max: only the first two of three calls are shown",
        first=chat(_THREE, tools=_TOOLS),
    ),
    Scenario(
        name="blocks-burst",
        about="tools.stop_after: the response ends at the first text after a block",
        first=chat(f"shape: whole\nstall: Let me look. {_NOON} And then"),
    ),
    Scenario(
        name="blocks-default",
        about="tools.output_mode is the default, and a header overrides it",
        first=chat("call: clock {}", tools=_TOOLS),
        then=(_with_mode("openai-json", chat("call: clock {}", tools=_TOOLS)),),
    ),
    Scenario(
        name="blocks-written",
        about="a text block that the model wrote, at legacy completions",
        first=post(COMPLETIONS, model=MODEL, prompt=f"shape: chars\nsay: Now. {_NOON}"),
    ),
)

_ERRORS: Final = (
    Scenario(name="error-output-mode", about="an unknown mode", first=_with_mode("yaml", chat("say: no"))),
)

_EVERYWHERE: Final = tuple(with_streamed(*_SHOWN, *_READ))

SCENARIOS: Final = (
    *_EVERYWHERE,
    *in_place("upstream", *_EVERYWHERE, *with_streamed(*_WITHOUT_TOOLS)),
    *in_place("gated", *with_streamed(*_LIMITS)),
    *_ERRORS,
)
