"""What the legacy door has: prompts and texts, from Codex and from an upstream."""

from typing import Final

from codexd.wire.json import Json
from tests.parity.scenario import COMPLETIONS, Ask, Scenario
from tests.parity.scenarios.bodies import CLOCK, MODEL, at, both_ways, functions, post


def completions(prompt: Json, /, **members: Json) -> Ask:
    """Ask with a prompt."""
    return post(COMPLETIONS, model=MODEL, prompt=prompt, **members)


_BOTH_WAYS: Final = (
    Scenario("text", "a prompt and a text", completions("say: The quick brown fox.")),
    Scenario("echo", "the prompt before the text", completions("say: so be it", echo=True)),
    Scenario(
        "stop",
        "a stop sequence",
        completions("shape: chars\nsay: before the EN END after", stop="END"),
    ),
    Scenario("length", "a limit of tokens", completions("long: 40", max_tokens=4)),
    Scenario("filter", "a content filter", completions("incomplete: content_filter I was")),
    Scenario("reasoning", "what was thought is not shown", completions("think: Let me see.")),
    Scenario(
        "logprobs",
        "log probabilities, where the model has them",
        completions("say: surely so", logprobs=2, echo=True),
    ),
    Scenario(
        "fields",
        "what steers the draw, and what has no place here",
        completions("say: so", temperature=0.5, seed=7, best_of=2, top_k=4, tools=functions(CLOCK)),
    ),
    Scenario("fail-429", "the provider answers 429", completions("fail: 429")),
    Scenario("cut", "the provider's stream is cut", completions("cut: This sentence is")),
)

_ONE_WAY: Final = (
    Scenario(
        "prompts",
        "several prompts, each asked by itself",
        completions(["say: one", "say: two"], echo=True),
    ),
    Scenario("choices", "two answers to one prompt", completions("say: one of two", n=2)),
    Scenario(
        "usage-streamed",
        "exact token figures at the end of a stream",
        completions(
            "usage: 1200,200,34,5\nsay: counted", stream=True, stream_options={"include_usage": True}
        ),
    ),
)

_REFUSED: Final = (
    *both_ways(
        Scenario("unknown-model", "a model that does not exist", post(COMPLETIONS, model="m", prompt="no"))
    ),
    Scenario(
        "error-unsupported",
        "what cannot be asked at this door",
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

_TOLD: Final = (*both_ways(*_BOTH_WAYS), *_ONE_WAY)

SCENARIOS: Final = (*_TOLD, *at("upstream", *_TOLD), *_REFUSED)
