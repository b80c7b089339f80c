"""Tool calls as text: for clients that read them there, and from models that write them there."""

from typing import Final

from attrs import evolve

from tests.parity.scenario import COMPLETIONS, Ask, Reply, Results, Scenario
from tests.parity.scenarios.bodies import (
    CLOCK,
    MODEL,
    PATCH,
    WEATHER,
    at,
    both_ways,
    chat,
    flat,
    functions,
    post,
    responses,
)

_TOOLS: Final = functions(WEATHER, CLOCK)
_CALLS: Final = 'preface: Let me look.\ncall: weather {"city": "R&D <Oslo>"}\ncall: clock {}'
_OSLO: Final = "<use_tool>\n  <name>weather</name>\n  <city>Oslo</city>\n</use_tool>"
_NOON: Final = "<use_tool>\n<name>clock</name>\n</use_tool>"
_WRITTEN: Final = f"shape: chars\nsay: Let me look.\n\n{_OSLO}\n\n{_NOON}"
_BROKEN: Final = (
    f"shape: chars\nsay: A < B, <use_tool> is no call, nor is <use_tool><name>weather</name>{_NOON}<use_too"
)
_UNKNOWN: Final = "say: <use_tool><name>rocket</name></use_tool>"
_POOR: Final = "poor/scripted"


def _in(mode: str, ask: Ask, header: str = "X-Codexd-Output-Mode") -> Ask:
    return evolve(ask, headers=((header, mode),))


_SHOWN: Final = (
    Scenario(
        "blocks-made",
        "two calls that were made are shown as text, and sent back as such",
        _in("obsidian-xml", chat(_CALLS, tools=_TOOLS)),
        (Reply("say: It rains at noon."),),
    ),
    Scenario(
        "blocks-made",
        "two calls that were made are shown as text, at the other door",
        _in("obsidian-xml", responses(_CALLS, tools=flat(WEATHER, CLOCK))),
    ),
    Scenario(
        "blocks-written",
        "two calls that the model wrote are shown in one piece each",
        _in("obsidian-xml", chat(_WRITTEN), header="X-Proxy-Output-Mode"),
    ),
    Scenario(
        "blocks-broken",
        "what is no block stays text, every character of it",
        _in("obsidian-xml", chat(_BROKEN)),
    ),
)

_READ: Final = (
    Scenario(
        "blocks-read",
        "two calls that the model wrote become calls",
        chat(_WRITTEN, tools=_TOOLS),
        (Results(("4 degrees, rain", "noon")),),
    ),
    Scenario(
        "blocks-read",
        "two calls that the model wrote become calls, at the other door",
        responses(_WRITTEN, tools=flat(WEATHER, CLOCK)),
    ),
    Scenario(
        "blocks-unknown", "a block of a tool that is not on offer stays text", chat(_UNKNOWN, tools=_TOOLS)
    ),
)

_WORDED: Final = (
    Scenario(
        "tools-as-text",
        "a model without tools is told of them, writes calls, and is shown their results",
        chat(_WRITTEN, model=_POOR, tools=_TOOLS),
        (Results(("4 degrees, rain", "</result> noon")),),
    ),
    Scenario(
        "tools-as-text",
        "a model without tools is told of them, writes a call of a custom one, and is shown its result",
        responses(
            "say: <use_tool><name>apply_patch</name><input>+a</input></use_tool>",
            model=_POOR,
            tools=[{"type": "custom", **PATCH}],
            parallel_tool_calls=False,
        ),
        (Results(("done",)),),
    ),
    Scenario(
        "tools-as-text-shown",
        "a model without tools, and a client that reads text",
        _in("obsidian-xml", chat(_WRITTEN, model=_POOR, tools=_TOOLS)),
    ),
    Scenario(
        "tools-as-text-unmet",
        "a model without tools does not call one that it has to",
        chat("say: I would rather not.", model=_POOR, tools=_TOOLS, tool_choice="required"),
    ),
)

_THREE: Final = "call: clock {}\ncall: clock {}\ncall: clock {}"

_GATES: Final = (
    Scenario("blocks-most", "of three calls the first two are shown", chat(_THREE, tools=_TOOLS)),
    Scenario(
        "blocks-burst",
        "the answer ends with the first word after a call, though the model has not ended",
        chat(f"shape: whole\nstall: Let me look. {_NOON} And then"),
    ),
    Scenario(
        "blocks-default",
        "the setting holds where no header chooses, and not where one does",
        chat("call: clock {}", tools=_TOOLS),
        (_in("openai-json", chat("call: clock {}", tools=_TOOLS)),),
    ),
    Scenario(
        "blocks-written",
        "a call that was written, at the legacy door",
        post(COMPLETIONS, model=MODEL, prompt=f"shape: chars\nsay: Now. {_NOON}"),
    ),
)

_ERRORS: Final = (Scenario("error-output-mode", "a mode that there is not", _in("yaml", chat("say: no"))),)

_ANYWHERE: Final = tuple(both_ways(*_SHOWN, *_READ))

SCENARIOS: Final = (
    *_ANYWHERE,
    *at("upstream", *_ANYWHERE, *both_ways(*_WORDED)),
    *at("gated", *both_ways(*_GATES)),
    *_ERRORS,
)
