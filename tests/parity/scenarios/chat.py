"""Scenarios of Chat Completions alone."""

from typing import Final

from tests.parity.scenario import CHAT, Scenario, ScenarioRequest, ToolResults, UserReply
from tests.parity.scenarios.request_bodies import (
    CLOCK,
    MODEL,
    PATCH,
    PATCHING,
    PIXEL,
    WEATHER,
    chat,
    chat_tools,
    responses_tools,
    user_message,
    with_streamed,
)

_TOOLS: Final = chat_tools(WEATHER, CLOCK)
_OSLO: Final = 'call: weather {"city": "Oslo"}'
_TWO_CALLS: Final = f"{_OSLO}\ncall: clock {{}}"
_CUSTOM: Final = {"type": "custom", "custom": PATCH}
_CURSOR: Final = {
    "model": MODEL,
    "input": [
        {"role": "system", "content": "You are a coding assistant in an editor."},
        user_message([{"type": "input_text", "text": PATCHING}]),
    ],
    "tools": [*responses_tools(WEATHER), {"type": "custom", **PATCH}],
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
    user_message("What is it?"),
    {"role": "assistant", "content": "A fox."},
    user_message("say: Indeed."),
)

_HISTORY: Final = (
    user_message("What is the weather?"),
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
    return Scenario(name=f"{name}-streamed", about=about, first=chat(f"shape: {shape}\nsay: {text}", stream=True))


_TEXTS: Final = (
    _shaped("repeats-digits", "a delta that begins with the end of the last one: 1, 100", "1100"),
    _shaped("repeats-letters", "a delta that begins with the end of the last one: ha, ha", "haha"),
    _shaped("repeats-newlines", "a delta that begins with the end of the last one: newlines", "\n\n\n"),
    _shaped("empty-deltas", "empty deltas between words", "one two three", "empty"),
    _shaped("characters", "one character a delta, of one to four bytes", 'é, 日本, 🦊 "\\\t', "chars"),
    Scenario(name="empty", about="an empty response", first=chat("say: ")),
    Scenario(name="empty-streamed", about="an empty response", first=chat("say: ", stream=True)),
    Scenario(
        name="stop",
        about="a stop sequence",
        first=chat("say: before the END after", stop=["END"]),
    ),
    Scenario(
        name="stop-streamed",
        about="a stop sequence that is split over three deltas",
        first=chat("shape: chars\nsay: before the EN END after", stop=["END"], stream=True),
    ),
    Scenario(name="choices", about="two choices", first=chat("say: one of two", n=2)),
    Scenario(
        name="interleaved-streamed",
        about="a reasoning item and two messages, in order",
        first=chat("thinking: Hm.\npreface: First this.\nsay: Then that.", stream=True),
    ),
    Scenario(
        name="ignored",
        about="parameters that Codex does not support are ignored and listed in a header",
        first=chat("say: as you like", temperature=0.5, top_p=0.9, seed=7, logit_bias={"1": 2}, user="somebody"),
    ),
    Scenario(
        name="effort-suffix",
        about="the reasoning effort as a suffix of the model's name",
        first=chat("say: hm", model="scripted-high"),
    ),
)

_HISTORIES: Final = (
    Scenario(
        name="roles",
        about="system and developer messages stay in order",
        first=ScenarioRequest.with_json(CHAT, {"model": MODEL, "messages": _MESSAGES}),
    ),
    Scenario(
        name="tool-history",
        about="a history with tool calls that codexd has not seen before",
        first=ScenarioRequest.with_json(CHAT, {"model": MODEL, "messages": _HISTORY, "tools": _TOOLS}),
        then=(UserReply("say: And so on."),),
    ),
    Scenario(
        name="image",
        about="an image beside a text",
        first=ScenarioRequest.with_json(
            CHAT,
            {
                "model": MODEL,
                "messages": [
                    user_message(
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
        name="error-image-url",
        about="an image by URL that is not fetched, because its address is not public",
        first=ScenarioRequest.with_json(
            CHAT,
            {
                "model": MODEL,
                "messages": [
                    user_message([{"type": "image_url", "image_url": {"url": "http://[::ffff:169.254.169.254]/a.png"}}])
                ],
            },
        ),
    ),
    Scenario(
        name="cursor-streamed",
        about="a Responses body sent to Chat Completions, as Cursor does",
        first=ScenarioRequest.with_json(CHAT, _CURSOR),
    ),
)

_CALLS: Final = (
    Scenario(
        name="tool-choice-none",
        about="tool_choice none: the model is offered no tools",
        first=chat(_OSLO, tools=_TOOLS, tool_choice="none"),
    ),
    Scenario(
        name="tool-choice-required",
        about="tool_choice required: the model calls a tool",
        first=chat(_OSLO, tools=_TOOLS, tool_choice="required"),
    ),
    Scenario(
        name="tool-choice-unmet",
        about="tool_choice required: the model calls no tool",
        first=chat("say: I would rather not.", tools=_TOOLS, tool_choice="required"),
    ),
    Scenario(
        name="tool-choice-unmet-streamed",
        about="tool_choice required: the model calls no tool",
        first=chat("say: I would rather not.", tools=_TOOLS, tool_choice="required", stream=True),
    ),
    Scenario(
        name="tool-choice-named",
        about="tool_choice names a tool: only that one is offered and must be called",
        first=chat(_OSLO, tools=_TOOLS, tool_choice={"type": "function", "function": {"name": "weather"}}),
    ),
    Scenario(
        name="one-at-a-time",
        about="parallel_tool_calls false: the second of two calls waits for the first one's result",
        first=chat(_TWO_CALLS, tools=_TOOLS, parallel_tool_calls=False),
        then=(ToolResults(("4 degrees, rain",)), ToolResults(("noon",))),
    ),
    Scenario(
        name="one-at-a-time-streamed",
        about="parallel_tool_calls false: the second of two calls waits for the first one's result",
        first=chat(_TWO_CALLS, tools=_TOOLS, parallel_tool_calls=False, stream=True),
        then=(ToolResults(("4 degrees, rain",)), ToolResults(("noon",))),
    ),
    Scenario(
        name="legacy-functions",
        about="legacy functions",
        first=chat(_OSLO, functions=[WEATHER], function_call="auto"),
        then=(ToolResults(("4 degrees, rain",)),),
    ),
    Scenario(
        name="legacy-functions-streamed",
        about="legacy functions",
        first=chat(_OSLO, functions=[WEATHER], stream=True),
        then=(ToolResults(("4 degrees, rain",)),),
    ),
    Scenario(
        name="custom-tool",
        about="a custom tool, whose input is plain text",
        first=chat(PATCHING, tools=[_CUSTOM]),
        then=(ToolResults(("done",)),),
    ),
    Scenario(
        name="custom-tool-streamed",
        about="a custom tool, whose input is plain text",
        first=chat(PATCHING, tools=[_CUSTOM], stream=True),
        then=(ToolResults(("done",)),),
    ),
)

_SEARCHES: Final = (
    Scenario(
        name="web-search",
        about="a web search with a citation",
        first=chat("search: foxes", web_search_options={"search_context_size": "low"}),
        then=(UserReply("say: Thank you."),),
    ),
    Scenario(
        name="logprobs",
        about="log probabilities are ignored over Codex and listed in a header",
        first=chat("say: surely", logprobs=True, top_logprobs=2),
    ),
)

SCENARIOS: Final = (*_TEXTS, *_HISTORIES, *_CALLS, *with_streamed(*_SEARCHES))
