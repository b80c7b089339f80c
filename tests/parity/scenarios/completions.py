"""Legacy completions, over Codex and over upstreams."""

from typing import Final

from codexd.wire.json import Json
from tests.parity.scenario import COMPLETIONS, Scenario, ScenarioRequest
from tests.parity.scenarios.request_bodies import CLOCK, MODEL, chat_tools, in_place, post, with_streamed


def completions(prompt: Json, /, **members: Json) -> ScenarioRequest:
    """Build a completions request with a prompt."""
    return post(COMPLETIONS, model=MODEL, prompt=prompt, **members)


_BOTH_WAYS: Final = (
    Scenario(name="text", about="a prompt and its completion", first=completions("say: The quick brown fox.")),
    Scenario(name="echo", about="echo: the prompt precedes the text", first=completions("say: so be it", echo=True)),
    Scenario(
        name="stop",
        about="a stop sequence",
        first=completions("shape: chars\nsay: before the EN END after", stop="END"),
    ),
    Scenario(name="length", about="a token limit", first=completions("long: 40", max_tokens=4)),
    Scenario(
        name="filter",
        about="the provider stops for its content filter",
        first=completions("incomplete: content_filter I was"),
    ),
    Scenario(name="reasoning", about="reasoning is not shown", first=completions("think: Let me see.")),
    Scenario(
        name="logprobs",
        about="log probabilities, if the model has them",
        first=completions("say: surely so", logprobs=2, echo=True),
    ),
    Scenario(
        name="fields",
        about="sampling parameters, and parameters that are not supported",
        first=completions("say: so", temperature=0.5, seed=7, best_of=2, top_k=4, tools=chat_tools(CLOCK)),
    ),
    Scenario(name="fail-429", about="the provider answers 429", first=completions("fail: 429")),
    Scenario(
        name="fail-invalid-prompt",
        about="the provider answers 400 with the code invalid_prompt",
        first=completions("fail: 400 invalid_prompt"),
    ),
    Scenario(
        name="fail-path",
        about="the provider answers 404 for its path: codexd's address",
        first=completions("fail: 404 unknown_url"),
    ),
    Scenario(
        name="cut",
        about="the provider's connection closes in the middle of a text",
        first=completions("cut: This sentence is"),
    ),
)

_NOT_VARIED: Final = (
    Scenario(
        name="prompts",
        about="several prompts, each sent by itself",
        first=completions(["say: one", "say: two"], echo=True),
    ),
    Scenario(name="choices", about="two choices for one prompt", first=completions("say: one of two", n=2)),
    Scenario(
        name="usage-streamed",
        about="token usage at the end of a stream",
        first=completions("usage: 1200,200,34,5\nsay: counted", stream=True, stream_options={"include_usage": True}),
    ),
)

_REJECTED: Final = (
    *with_streamed(
        Scenario(
            name="no-tokens",
            about="a token limit of zero: the prompt is returned, and no model is asked",
            first=completions("say: no", max_tokens=0, echo=True, logprobs=1),
            then=(completions("say: no", max_tokens=0),),
        ),
        Scenario(
            name="unknown-model", about="a model that does not exist", first=post(COMPLETIONS, model="m", prompt="no")
        ),
    ),
    Scenario(
        name="error-unsupported",
        about="invalid and unsupported parameters of legacy completions",
        first=completions("say: no", suffix="the end"),
        then=(
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
