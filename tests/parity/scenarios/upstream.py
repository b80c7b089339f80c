"""What an upstream is asked and how it is understood, beyond what Codex and upstreams have in common.

What of the other tables shows the back end is told here again.
"""

from itertools import chain
from typing import Any, Final

from codexd.wire.json import Json
from tests.parity.scenario import CHAT, RESPONSES, Reply, Results, Scenario
from tests.parity.scenarios import background, chat, edges, responses, state
from tests.parity.scenarios.bodies import (
    CLOCK,
    MODEL,
    PATCH,
    PIXEL,
    at,
    both_ways,
    flat,
    post,
    user,
)
from tests.parity.scenarios.fourfold import Case, told

_TOLD_AGAIN: Final = """
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
_TABLES: Final = (edges, chat, responses, state, background)


def _both(**members: Json) -> dict[str, Any]:
    """Give members to the bodies of both doors."""
    return {"chat": members, "responses": members}


_UNKNOWN: Final[dict[str, Json]] = {"top_k": 40, "guided_regex": "[a-z]+"}
_DRAWN: Final[dict[str, Json]] = {
    "temperature": 0.5,
    "top_p": 0.9,
    "user": "somebody",
    "safety_identifier": "somebody",
    "prompt_cache_key": "mine",
    "service_tier": "flex",
}
_NESTED: Final = {"type": "custom", "custom": PATCH}
_RAW: Final = "call: apply_patch *** Begin Patch\n*** End Patch"
_NAMESPACE: Final = {"type": "namespace", "name": "home", "tools": flat(CLOCK)}
_SHOWN: Final = [{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {"url": PIXEL}}]

_ASKED: Final = (
    Case(
        "sampling",
        "whatever steers the draw is forwarded",
        "say: as you like",
        chat={
            **_DRAWN,
            "presence_penalty": 0.1,
            "frequency_penalty": -0.1,
            "seed": 7,
            "stop": ["END"],
            "logit_bias": {"1": 2},
            "verbosity": "low",
            "reasoning_effort": "low",
        },
        responses={**_DRAWN, "text": {"verbosity": "low"}, "reasoning": {"effort": "low"}},
    ),
    Case(
        "logprobs",
        "log probabilities come back, and what was likely beside",
        "say: surely so",
        chat={"logprobs": True, "top_logprobs": 2},
        responses={"include": ["message.output_text.logprobs"], "top_logprobs": 2},
    ),
    Case(
        "unknown-fields",
        "fields nobody here knows are named as ignored",
        "say: as usual",
        **_both(**_UNKNOWN),
    ),
    Case(
        "unknown-fields-passed",
        "fields nobody here knows are passed on to an upstream that may have them",
        "say: as you like",
        **_both(model="able/scripted", **_UNKNOWN),
    ),
    Case(
        "capable",
        "an upstream that knows developers, reasoning of before, and the newer limit",
        "think: Let me see.",
        chat={"model": "able/scripted", "max_tokens": 100},
        responses={"model": "able/scripted", "instructions": "Be kind.", "max_output_tokens": 100},
        then=(Reply("say: Thank you."),),
    ),
    Case(
        "brief",
        "an alias with an effort, instructions and a limit of its own",
        "say: one two three four five",
        **_both(model="brief"),
    ),
    Case(
        "one-call",
        "of two calls where one was asked for the first is shown",
        "call: clock {}\ncall: clock {}",
        (CLOCK,),
        **_both(parallel_tool_calls=False),
        then=(Results(("noon",)),),
    ),
    Case("refusal", "a refusal", "refuse: I would rather not."),
)

_FAILURES: Final = (
    Case("invalid-json", "what comes in the middle of a text is no JSON", "garble: So far so good."),
    Case("invalid-json-first", "what comes is no JSON", "garble: "),
    Case("cut-first", "the stream is cut before it says anything", "cut: "),
    Case(
        "repeated",
        "what failed before its answer began is asked again",
        "fail: 500",
        **_both(model="patient/scripted"),
    ),
    Case(
        "not-repeated",
        "what failed after its answer began is not asked again",
        "cut: So far",
        **_both(model="patient/scripted"),
    ),
    Case("unreachable", "nobody listens", "say: no", **_both(model="down/scripted")),
    Case("fallback", "nobody listens, and another one answers", "say: here I am", **_both(model="steady")),
    Case(
        "fallback-refused",
        "what is wrong with a request is not taken elsewhere",
        "fail: 400",
        **_both(model="steady"),
    ),
    Case("fallback-exhausted", "nobody listens, nor anywhere else", "say: no", **_both(model="lost")),
)

_ALONE: Final = (
    *both_ways(
        Scenario(
            "native-tool",
            "a custom tool for an upstream that knows them",
            post(CHAT, model="able/scripted", messages=[user(_RAW)], tools=[_NESTED]),
            (Results(("done",)),),
        ),
        Scenario(
            "native-tool",
            "a custom tool for an upstream that knows them",
            post(RESPONSES, model="able/scripted", input=_RAW, tools=[{"type": "custom", **PATCH}]),
            (Results(("done",)),),
        ),
        Scenario(
            "namespace-tool",
            "a tool in a namespace has another name where there are none",
            post(RESPONSES, model=MODEL, input="call: home__clock {}", tools=[_NAMESPACE]),
            (Results(("noon",)),),
        ),
    ),
    Scenario(
        "omitted",
        "fields that an upstream cannot take are not sent, and named as ignored",
        post(CHAT, model="poor/scripted", messages=[user("say: the END")], seed=7, stop="END"),
    ),
    Scenario(
        "web-search",
        "a web search, which no upstream is asked for, is named as ignored",
        post(CHAT, model=MODEL, messages=[user("search: foxes")], web_search_options={}),
    ),
    Scenario(
        "error-image",
        "an image for a model that cannot see, at both doors",
        post(CHAT, model="poor/scripted", messages=[user(_SHOWN)]),
        (
            post(
                RESPONSES,
                model="poor/scripted",
                input=[user([{"type": "input_image", "image_url": PIXEL}])],
            ),
        ),
    ),
    Scenario(
        "breaker-open",
        "an upstream that keeps failing is not asked for a while",
        post(CHAT, model="tired/scripted", messages=[user("fail: 500")]),
        (post(CHAT, model="tired/scripted", messages=[user("say: no")]),),
    ),
)

_ALL: Final = {
    f"{one.endpoint}/{one.name}": one for one in chain.from_iterable(table.SCENARIOS for table in _TABLES)
}
_AGAIN: Final = tuple(_ALL[name] for name in _TOLD_AGAIN.split())

SCENARIOS: Final = tuple(at("upstream", *_AGAIN, *told(*_ASKED, *_FAILURES), *_ALONE))
