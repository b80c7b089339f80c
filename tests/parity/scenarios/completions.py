"""Legacy completions, over Codex and over upstreams."""

from typing import Final

from codexd.wire.json import Json
from tests.parity.scenario import COMPLETIONS, Scenario, ScenarioRequest
from tests.parity.scenarios.request_bodies import CLOCK, MODEL, chat_tools, in_place, post, with_streamed


def completions(prompt: Json, /, **members: Json) -> ScenarioRequest:
    """Build a completions request with a prompt."""
    return post(COMPLETIONS, model=MODEL, prompt=prompt, **members)


_BOTH_WAYS: Final = (
    Scenario("text", "a prompt and its completion", completions("say: The quick brown fox.")),
    Scenario("echo", "echo: the prompt precedes the text", completions("say: so be it", echo=True)),
    Scenario(
        "stop",
        "a stop sequence",
        completions("shape: chars\nsay: before the EN END after", stop="END"),
    ),
    Scenario("length", "a token limit", completions("long: 40", max_tokens=4)),
    Scenario("filter", "the provider stops for its content filter", completions("incomplete: content_filter I was")),
    Scenario("reasoning", "reasoning is not shown", completions("think: Let me see.")),
    Scenario(
        "logprobs",
        "log probabilities, if the model has them",
        completions("say: surely so", logprobs=2, echo=True),
    ),
    Scenario(
        "fields",
        "sampling parameters, and parameters that are not supported",
        completions("say: so", temperature=0.5, seed=7, best_of=2, top_k=4, tools=chat_tools(CLOCK)),
    ),
    Scenario("fail-429", "the provider answers 429", completions("fail: 429")),
    Scenario(
        "cut",
        "the provider's connection closes in the middle of a text",
        completions("cut: This sentence is"),
    ),
)

_NOT_VARIED: Final = (
    Scenario(
        "prompts",
        "several prompts, each sent by itself",
        completions(["say: one", "say: two"], echo=True),
    ),
    Scenario("choices", "two choices for one prompt", completions("say: one of two", n=2)),
    Scenario(
        "usage-streamed",
        "token usage at the end of a stream",
        completions("usage: 1200,200,34,5\nsay: counted", stream=True, stream_options={"include_usage": True}),
    ),
)

_REJECTED: Final = (
    *with_streamed(Scenario("unknown-model", "a model that does not exist", post(COMPLETIONS, model="m", prompt="no"))),
    Scenario(
        "error-unsupported",
        "invalid and unsupported parameters of legacy completions",
        completions("say: no", suffix="the end"),
        (
            completions([1, 2, 3]),
            completions([[1], [2]]),
            completions([]),
            completions([{"text": "say: no"}]),
            completions(None),
            completions(["say: no"] * 3, n=3),
            completions("say: no", n=3, best_of=2),
            completions("say: no", logprobs=6),
            post(COMPLETIONS, prompt="say: no"),
        ),
    ),
)

_FORWARDED: Final = (*with_streamed(*_BOTH_WAYS), *_NOT_VARIED)

SCENARIOS: Final = (*_FORWARDED, *in_place("upstream", *_FORWARDED), *_REJECTED)
