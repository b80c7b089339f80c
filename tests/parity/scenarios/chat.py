"""What Chat Completions alone has."""

from typing import Final

from tests.parity.scenario import CHAT, Ask, Reply, Results, Scenario
from tests.parity.scenarios.bodies import (
    CLOCK,
    MODEL,
    PATCH,
    PATCHING,
    PIXEL,
    WEATHER,
    both_ways,
    chat,
    flat,
    functions,
    user,
)

_TOOLS: Final = functions(WEATHER, CLOCK)
_OSLO: Final = 'call: weather {"city": "Oslo"}'
_TWO_CALLS: Final = f"{_OSLO}\ncall: clock {{}}"
_CUSTOM: Final = {"type": "custom", "custom": PATCH}
_CURSOR: Final = {
    "model": MODEL,
    "input": [
        {"role": "system", "content": "You are a coding assistant in an editor."},
        user([{"type": "input_text", "text": PATCHING}]),
    ],
    "tools": [*flat(WEATHER), {"type": "custom", **PATCH}],
    "tool_choice": "auto",
    "stream": True,
    "store": False,
    "include": ["reasoning.encrypted_content"],
    "reasoning": {"effort": "medium", "summary": "auto"},
    "text": {"verbosity": "medium"},
    "user": "somebody",
}

_MESSAGES: Final = (
    {"role": "system", "content": "Be brief."},
    {"role": "developer", "content": [{"type": "text", "text": "Be "}, {"type": "text", "text": "kind."}]},
    user("What is it?"),
    {"role": "assistant", "content": "A fox."},
    user("say: Indeed."),
)

_HISTORY: Final = (
    user("What is the weather?"),
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {
                "id": "call_1",
                "type": "function",
                "function": {"name": "weather", "arguments": '{"city":"Oslo"}'},
            }
        ],
    },
    {"role": "tool", "tool_call_id": "call_1", "content": "4 degrees, rain"},
)


def _shaped(name: str, about: str, text: str, shape: str = "repeats") -> Scenario:
    return Scenario(f"{name}-streamed", about, chat(f"shape: {shape}\nsay: {text}", stream=True))


_TEXTS: Final = (
    _shaped("repeats-digits", "a delta that begins as the last one ended: 1|100", "1100"),
    _shaped("repeats-letters", "a delta that begins as the last one ended: ha|ha", "haha"),
    _shaped("repeats-newlines", "a delta that begins as the last one ended: newlines", "\n\n\n"),
    _shaped("empty-deltas", "empty deltas between words", "one two three", "empty"),
    _shaped("characters", "one character a delta, of every width", 'é, 日本, 🦊 "\\\t', "chars"),
    Scenario("empty", "an answer without a word", chat("say: ")),
    Scenario("empty-streamed", "an answer without a word", chat("say: ", stream=True)),
    Scenario(
        "stop",
        "a stop sequence",
        chat("say: before the END after", stop=["END"]),
    ),
    Scenario(
        "stop-streamed",
        "a stop sequence that comes in three deltas",
        chat("shape: chars\nsay: before the EN END after", stop=["END"], stream=True),
    ),
    Scenario("choices", "two choices", chat("say: one of two", n=2)),
    Scenario(
        "interleaved-streamed",
        "a reasoning item and two messages, each in their place",
        chat("thinking: Hm.\npreface: First this.\nsay: Then that.", stream=True),
    ),
    Scenario(
        "ignored",
        "parameters that the app-server has no place for are named in a header",
        chat("say: as you like", temperature=0.5, top_p=0.9, seed=7, logit_bias={"1": 2}, user="somebody"),
    ),
    Scenario(
        "effort-suffix",
        "the effort as a suffix of the model's name",
        chat("say: hm", model="scripted-high"),
    ),
)

_HISTORIES: Final = (
    Scenario(
        "roles",
        "system and developer messages keep their places",
        Ask.saying(CHAT, {"model": MODEL, "messages": _MESSAGES}),
    ),
    Scenario(
        "tool-history",
        "calls and results that codexd never saw",
        Ask.saying(CHAT, {"model": MODEL, "messages": _HISTORY, "tools": _TOOLS}),
        (Reply("say: And so on."),),
    ),
    Scenario(
        "image",
        "an image beside a text",
        Ask.saying(
            CHAT,
            {
                "model": MODEL,
                "messages": [
                    user(
                        [
                            {"type": "text", "text": "What is it?"},
                            {"type": "image_url", "image_url": {"url": PIXEL, "detail": "high"}},
                        ]
                    )
                ],
            },
        ),
    ),
    Scenario(
        "cursor-streamed",
        "a Responses body at the Chat door, as Cursor sends it",
        Ask.saying(CHAT, _CURSOR),
    ),
)

_CALLS: Final = (
    Scenario("tool-choice-none", "no tool is shown", chat(_OSLO, tools=_TOOLS, tool_choice="none")),
    Scenario(
        "tool-choice-required",
        "a call is demanded and made",
        chat(_OSLO, tools=_TOOLS, tool_choice="required"),
    ),
    Scenario(
        "tool-choice-unmet",
        "a call is demanded and not made",
        chat("say: I would rather not.", tools=_TOOLS, tool_choice="required"),
    ),
    Scenario(
        "tool-choice-unmet-streamed",
        "a call is demanded and not made",
        chat("say: I would rather not.", tools=_TOOLS, tool_choice="required", stream=True),
    ),
    Scenario(
        "tool-choice-named",
        "only the named tool is shown, and must be called",
        chat(_OSLO, tools=_TOOLS, tool_choice={"type": "function", "function": {"name": "weather"}}),
    ),
    Scenario(
        "one-at-a-time",
        "of two calls the second is held back until the first has its result",
        chat(_TWO_CALLS, tools=_TOOLS, parallel_tool_calls=False),
        (Results(("4 degrees, rain",)), Results(("noon",))),
    ),
    Scenario(
        "one-at-a-time-streamed",
        "of two calls the second is held back until the first has its result",
        chat(_TWO_CALLS, tools=_TOOLS, parallel_tool_calls=False, stream=True),
        (Results(("4 degrees, rain",)), Results(("noon",))),
    ),
    Scenario(
        "legacy-functions",
        "functions instead of tools",
        chat(_OSLO, functions=[WEATHER], function_call="auto"),
        (Results(("4 degrees, rain",)),),
    ),
    Scenario(
        "legacy-functions-streamed",
        "functions instead of tools",
        chat(_OSLO, functions=[WEATHER], stream=True),
        (Results(("4 degrees, rain",)),),
    ),
    Scenario(
        "custom-tool",
        "a custom tool: its input is text",
        chat(PATCHING, tools=[_CUSTOM]),
        (Results(("done",)),),
    ),
    Scenario(
        "custom-tool-streamed",
        "a custom tool: its input is text",
        chat(PATCHING, tools=[_CUSTOM], stream=True),
        (Results(("done",)),),
    ),
)

_SEARCHES: Final = (
    Scenario(
        "web-search",
        "a web search, and what it found as a citation",
        chat("search: foxes", web_search_options={"search_context_size": "low"}),
        (Reply("say: Thank you."),),
    ),
    Scenario(
        "logprobs",
        "log probabilities, which Codex does not have, are named as ignored",
        chat("say: surely", logprobs=True, top_logprobs=2),
    ),
)

SCENARIOS: Final = (*_TEXTS, *_HISTORIES, *_CALLS, *both_ways(*_SEARCHES))
