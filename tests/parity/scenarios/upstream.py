"""Scenarios over upstreams: those that only upstreams have, and those of other tables that are repeated.

Repeated are the scenarios whose responses depend on the back end.
"""

from itertools import chain
from typing import Any, Final

from codexd.wire.json import Json
from tests.parity.scenario import CHAT, RESPONSES, Scenario, ToolResults, UserReply
from tests.parity.scenarios import background, chat, codex_client, no_model, responses, stored_responses
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
    responses/additional-tools responses/tool-search responses/reserved-names
"""
_TABLES: Final = (no_model, chat, responses, stored_responses, background, codex_client)


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
        name="sampling",
        about="sampling parameters are forwarded",
        text="say: as you like",
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
        name="logprobs",
        about="log probabilities with alternatives",
        text="say: surely so",
        chat={"logprobs": True, "top_logprobs": 2},
        responses={"include": ["message.output_text.logprobs"], "top_logprobs": 2},
    ),
    SharedCase(
        name="unknown-fields",
        about="unknown fields are ignored and listed in a header",
        text="say: as usual",
        **_both(**_UNKNOWN),
    ),
    SharedCase(
        name="unknown-fields-passed",
        about="unknown fields are forwarded to an upstream with pass_unknown",
        text="say: as you like",
        **_both(model="able/scripted", **_UNKNOWN),
    ),
    SharedCase(
        name="capable",
        about="an upstream with the developer role, earlier reasoning and max_completion_tokens",
        text="think: Let me see.",
        chat={"model": "able/scripted", "max_tokens": 100},
        responses={"model": "able/scripted", "instructions": "Be kind.", "max_output_tokens": 100},
        then=(UserReply("say: Thank you."),),
    ),
    SharedCase(
        name="strict",
        about="an upstream with the preset of Mistral: ids of calls, names of fields and efforts, no stream_options",
        text="call: clock {}",
        tools=(CLOCK,),
        chat={"model": "strict/scripted", "seed": 7, "reasoning_effort": "xhigh", "user": "somebody"},
        responses={"model": "strict/scripted", "instructions": "Be kind.", "reasoning": {"effort": "minimal"}},
        then=(ToolResults(("noon",)),),
    ),
    SharedCase(
        name="brief",
        about="an alias that sets effort, instructions and a token limit",
        text="say: one two three four five",
        **_both(model="brief"),
    ),
    SharedCase(
        name="one-call",
        about="parallel_tool_calls false: only the first of two calls is shown",
        text="call: clock {}\ncall: clock {}",
        tools=(CLOCK,),
        **_both(parallel_tool_calls=False),
        then=(ToolResults(("noon",)),),
    ),
    SharedCase(name="refusal", about="a refusal", text="refuse: I would rather not."),
)

_FAILURES: Final = (
    SharedCase(
        name="invalid-json",
        about="the upstream sends invalid JSON in the middle of a text",
        text="garble: So far so good.",
    ),
    SharedCase(name="invalid-json-first", about="the upstream sends invalid JSON first", text="garble: "),
    SharedCase(name="cut-first", about="the connection closes before the first event", text="cut: "),
    SharedCase(
        name="repeated",
        about="a failure before the first event is retried",
        text="fail: 500",
        **_both(model="patient/scripted"),
    ),
    SharedCase(
        name="not-repeated",
        about="a failure after the first event is not retried",
        text="cut: So far",
        **_both(model="patient/scripted"),
    ),
    SharedCase(
        name="unreachable", about="the upstream refuses the connection", text="say: no", **_both(model="down/scripted")
    ),
    SharedCase(
        name="fallback",
        about="the upstream refuses the connection, and a fallback answers",
        text="say: here I am",
        **_both(model="steady"),
    ),
    SharedCase(
        name="fallback-refused",
        about="a fallback is not tried for a request error",
        text="fail: 400",
        **_both(model="steady"),
    ),
    SharedCase(
        name="fallback-exhausted",
        about="the upstream and all fallbacks refuse the connection",
        text="say: no",
        **_both(model="lost"),
    ),
)

_ALONE: Final = (
    *with_streamed(
        Scenario(
            name="native-tool",
            about="a custom tool, for an upstream that supports them",
            first=post(CHAT, model="able/scripted", messages=[user_message(_PATCH_CALL)], tools=[_CUSTOM_TOOL]),
            then=(ToolResults(("done",)),),
        ),
        Scenario(
            name="native-tool",
            about="a custom tool, for an upstream that supports them",
            first=post(RESPONSES, model="able/scripted", input=_PATCH_CALL, tools=[{"type": "custom", **PATCH}]),
            then=(ToolResults(("done",)),),
        ),
        Scenario(
            name="namespace-tool",
            about="a tool in a namespace is renamed for an upstream",
            first=post(RESPONSES, model=MODEL, input="call: home__clock {}", tools=[_NAMESPACE]),
            then=(ToolResults(("noon",)),),
        ),
    ),
    Scenario(
        name="omitted",
        about="fields that the upstream does not accept are omitted and listed in a header",
        first=post(CHAT, model="poor/scripted", messages=[user_message("say: the END")], seed=7, stop="END"),
    ),
    Scenario(
        name="web-search",
        about="a web search is ignored over upstreams and listed in a header",
        first=post(CHAT, model=MODEL, messages=[user_message("search: foxes")], web_search_options={}),
    ),
    Scenario(
        name="error-image",
        about="an image for an upstream without images, at both endpoints",
        first=post(CHAT, model="poor/scripted", messages=[user_message(_IMAGE_CONTENT)]),
        then=(
            post(
                RESPONSES,
                model="poor/scripted",
                input=[user_message([{"type": "input_image", "image_url": PIXEL}])],
            ),
        ),
    ),
    Scenario(
        name="breaker-open",
        about="the circuit breaker opens after a failure",
        first=post(CHAT, model="tired/scripted", messages=[user_message("fail: 500")]),
        then=(post(CHAT, model="tired/scripted", messages=[user_message("say: no")]),),
    ),
)

_ALL: Final = {f"{one.endpoint}/{one.name}": one for one in chain.from_iterable(table.SCENARIOS for table in _TABLES)}
_REPEATED_SCENARIOS: Final = tuple(_ALL[name] for name in _REPEATED.split())

SCENARIOS: Final = tuple(in_place("upstream", *_REPEATED_SCENARIOS, *expand(*_REQUESTS, *_FAILURES), *_ALONE))
