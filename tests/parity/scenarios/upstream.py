"""Scenarios over upstreams: those that only upstreams have, and those of other tables that are repeated.

Repeated are the scenarios whose responses depend on the back end.
"""

from itertools import chain
from typing import Any, Final

from codexd.wire.json import Json
from tests.parity.scenario import CHAT, RESPONSES, Scenario, ToolResults, UserReply
from tests.parity.scenarios import background, chat, no_model, responses, stored_responses
from tests.parity.scenarios.request_bodies import (
    CLOCK,
    MODEL,
    PATCH,
    PIXEL,
    in_place,
    post,
    responses_tools,
    user_message,
    with_streamed,
)
from tests.parity.scenarios.shared import SharedCase, expand

_REPEATED: Final = """
    models/list models/one
    chat/empty chat/empty-streamed chat/stop chat/stop-streamed chat/choices chat/roles chat/tool-history
    chat/image chat/cursor-streamed chat/repeats-letters-streamed chat/interleaved-streamed
    chat/tool-choice-none chat/tool-choice-required chat/tool-choice-named
    chat/tool-choice-unmet chat/tool-choice-unmet-streamed
    chat/legacy-functions chat/legacy-functions-streamed chat/custom-tool chat/custom-tool-streamed
    responses/instructions responses/items responses/image responses/echo responses/empty
    responses/encrypted-reasoning responses/encrypted-reasoning-streamed
    responses/custom-tool responses/custom-tool-streamed
    responses/continued responses/continued-streamed responses/continued-incomplete
    responses/continued-tools responses/continued-tools-streamed
    responses/continued-reasoning responses/continued-reasoning-streamed
    responses/failed-streamed responses/client-gone-streamed responses/background-tools
"""
_TABLES: Final = (no_model, chat, responses, stored_responses, background)


def _both(**members: Json) -> dict[str, Any]:
    """Return the same members for the bodies of both endpoints."""
    return {"chat": members, "responses": members}


_UNKNOWN: Final[dict[str, Json]] = {"top_k": 40, "guided_regex": "[a-z]+"}
_SAMPLING: Final[dict[str, Json]] = {
    "temperature": 0.5,
    "top_p": 0.9,
    "user": "somebody",
    "safety_identifier": "somebody",
    "prompt_cache_key": "mine",
    "service_tier": "flex",
}
_CUSTOM_TOOL: Final = {"type": "custom", "custom": PATCH}
_PATCH_CALL: Final = "call: apply_patch *** Begin Patch\n*** End Patch"
_NAMESPACE: Final = {"type": "namespace", "name": "home", "tools": responses_tools(CLOCK)}
_IMAGE_CONTENT: Final = [
    {"type": "text", "text": "What is it?"},
    {"type": "image_url", "image_url": {"url": PIXEL}},
]

_REQUESTS: Final = (
    SharedCase(
        "sampling",
        "sampling parameters are forwarded",
        "say: as you like",
        chat={
            **_SAMPLING,
            "presence_penalty": 0.1,
            "frequency_penalty": -0.1,
            "seed": 7,
            "stop": ["END"],
            "logit_bias": {"1": 2},
            "verbosity": "low",
            "reasoning_effort": "low",
        },
        responses={**_SAMPLING, "text": {"verbosity": "low"}, "reasoning": {"effort": "low"}},
    ),
    SharedCase(
        "logprobs",
        "log probabilities with alternatives",
        "say: surely so",
        chat={"logprobs": True, "top_logprobs": 2},
        responses={"include": ["message.output_text.logprobs"], "top_logprobs": 2},
    ),
    SharedCase(
        "unknown-fields",
        "unknown fields are ignored and listed in a header",
        "say: as usual",
        **_both(**_UNKNOWN),
    ),
    SharedCase(
        "unknown-fields-passed",
        "unknown fields are forwarded to an upstream with pass_unknown",
        "say: as you like",
        **_both(model="able/scripted", **_UNKNOWN),
    ),
    SharedCase(
        "capable",
        "an upstream with the developer role, earlier reasoning and max_completion_tokens",
        "think: Let me see.",
        chat={"model": "able/scripted", "max_tokens": 100},
        responses={"model": "able/scripted", "instructions": "Be kind.", "max_output_tokens": 100},
        then=(UserReply("say: Thank you."),),
    ),
    SharedCase(
        "brief",
        "an alias that sets effort, instructions and a token limit",
        "say: one two three four five",
        **_both(model="brief"),
    ),
    SharedCase(
        "one-call",
        "parallel_tool_calls false: only the first of two calls is shown",
        "call: clock {}\ncall: clock {}",
        (CLOCK,),
        **_both(parallel_tool_calls=False),
        then=(ToolResults(("noon",)),),
    ),
    SharedCase("refusal", "a refusal", "refuse: I would rather not."),
)

_FAILURES: Final = (
    SharedCase("invalid-json", "the upstream sends invalid JSON in the middle of a text", "garble: So far so good."),
    SharedCase("invalid-json-first", "the upstream sends invalid JSON first", "garble: "),
    SharedCase("cut-first", "the connection closes before the first event", "cut: "),
    SharedCase(
        "repeated",
        "a failure before the first event is retried",
        "fail: 500",
        **_both(model="patient/scripted"),
    ),
    SharedCase(
        "not-repeated",
        "a failure after the first event is not retried",
        "cut: So far",
        **_both(model="patient/scripted"),
    ),
    SharedCase("unreachable", "the upstream refuses the connection", "say: no", **_both(model="down/scripted")),
    SharedCase(
        "fallback",
        "the upstream refuses the connection, and a fallback answers",
        "say: here I am",
        **_both(model="steady"),
    ),
    SharedCase(
        "fallback-refused",
        "a fallback is not tried for a request error",
        "fail: 400",
        **_both(model="steady"),
    ),
    SharedCase(
        "fallback-exhausted",
        "the upstream and all fallbacks refuse the connection",
        "say: no",
        **_both(model="lost"),
    ),
)

_ALONE: Final = (
    *with_streamed(
        Scenario(
            "native-tool",
            "a custom tool, for an upstream that supports them",
            post(CHAT, model="able/scripted", messages=[user_message(_PATCH_CALL)], tools=[_CUSTOM_TOOL]),
            (ToolResults(("done",)),),
        ),
        Scenario(
            "native-tool",
            "a custom tool, for an upstream that supports them",
            post(RESPONSES, model="able/scripted", input=_PATCH_CALL, tools=[{"type": "custom", **PATCH}]),
            (ToolResults(("done",)),),
        ),
        Scenario(
            "namespace-tool",
            "a tool in a namespace is renamed for an upstream",
            post(RESPONSES, model=MODEL, input="call: home__clock {}", tools=[_NAMESPACE]),
            (ToolResults(("noon",)),),
        ),
    ),
    Scenario(
        "omitted",
        "fields that the upstream does not accept are omitted and listed in a header",
        post(CHAT, model="poor/scripted", messages=[user_message("say: the END")], seed=7, stop="END"),
    ),
    Scenario(
        "web-search",
        "a web search is ignored over upstreams and listed in a header",
        post(CHAT, model=MODEL, messages=[user_message("search: foxes")], web_search_options={}),
    ),
    Scenario(
        "error-image",
        "an image for an upstream without images, at both endpoints",
        post(CHAT, model="poor/scripted", messages=[user_message(_IMAGE_CONTENT)]),
        (
            post(
                RESPONSES,
                model="poor/scripted",
                input=[user_message([{"type": "input_image", "image_url": PIXEL}])],
            ),
        ),
    ),
    Scenario(
        "breaker-open",
        "the circuit breaker opens after a failure",
        post(CHAT, model="tired/scripted", messages=[user_message("fail: 500")]),
        (post(CHAT, model="tired/scripted", messages=[user_message("say: no")]),),
    ),
)

_ALL: Final = {f"{one.endpoint}/{one.name}": one for one in chain.from_iterable(table.SCENARIOS for table in _TABLES)}
_REPEATED_SCENARIOS: Final = tuple(_ALL[name] for name in _REPEATED.split())

SCENARIOS: Final = tuple(in_place("upstream", *_REPEATED_SCENARIOS, *expand(*_REQUESTS, *_FAILURES), *_ALONE))
