"""Encodes legacy Completions requests and merges their streams."""

from typing import Any

from attrs import evolve
from hypothesis import strategies as st

from codexd.fronts.chat.request import MAX_CHOICES
from codexd.fronts.completions import DecodedCompletionsRequest
from codexd.fronts.completions.objects import CompletionsOutputOptions
from codexd.fronts.parameters import EFFORTS
from codexd.neutral.turn import Message, ReasoningOptions, TextPart, Turn
from codexd.wire import json
from tests.support.chat_turns import samplings
from tests.support.sentences import texts


def prompt_turns(*prompts: str, **turn: Any) -> tuple[Turn, ...]:
    """Return the turns of these prompts, by default for the model `m`."""
    asked = Turn(**{"model": "m", "items": (), "principal": "somebody", **turn})
    return tuple(evolve(asked, items=(Message(role="user", parts=(TextPart(prompt),)),)) for prompt in prompts)


@st.composite
def exchanges(draw: st.DrawFn) -> DecodedCompletionsRequest:
    """Draw a whole request."""
    prompts = draw(st.lists(texts(), min_size=1, max_size=3))
    times = draw(st.integers(1, MAX_CHOICES // len(prompts)))
    each = [prompt for prompt in prompts for _ in range(times)]
    efforts = st.builds(ReasoningOptions, st.none() | st.sampled_from(EFFORTS))
    alternatives = draw(st.none() | st.integers(0, 5))
    sampling = evolve(draw(samplings), logprobs=alternatives is not None, top_logprobs=alternatives)
    turns = prompt_turns(*each, model=draw(texts(1)), sampling=sampling, reasoning=draw(efforts))
    echoed = draw(st.sampled_from((tuple(each), ("",) * len(each))))
    stream = draw(st.booleans())
    return DecodedCompletionsRequest(turns, CompletionsOutputOptions(echoed, stream and draw(st.booleans())), stream)


def write(exchange: DecodedCompletionsRequest, times: int) -> bytes:
    """Encode the request body of an exchange, with `n` = `times`."""
    turn, sampling = exchange.turn, exchange.turn.sampling
    prompts = [prompt_of(one) for one in exchange.turns][::times]
    body = {
        "model": turn.model,
        "prompt": prompts[0] if len(prompts) == 1 else prompts,
        "n": times,
        "best_of": times,
        "echo": any(exchange.output_options.echoed),
        "stream": exchange.stream,
        "stream_options": {"include_usage": exchange.output_options.include_usage} if exchange.stream else None,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "presence_penalty": sampling.presence_penalty,
        "frequency_penalty": sampling.frequency_penalty,
        "seed": sampling.seed,
        "max_tokens": sampling.max_tokens,
        "logprobs": sampling.top_logprobs,
        "logit_bias": None if sampling.logit_bias is None else json.decode(sampling.logit_bias),
        "stop": list(sampling.stop),
        "reasoning_effort": turn.reasoning.effort,
    }
    return json.encode(body)


def prompt_of(turn: Turn) -> str:
    """Return the prompt of a turn."""
    (message,) = turn.items
    assert isinstance(message, Message)
    (part,) = message.parts
    assert isinstance(part, TextPart)
    return part.text


def merge(chunks: list[dict[str, Any]]) -> dict[str, Any]:
    """Merge the chunks of a stream into the body of the JSON answer."""
    heads = [{**chunk, "choices": None, "usage": None} for chunk in chunks]
    assert all(head == heads[0] for head in heads), "the envelope changes"
    choices: dict[int, dict[str, Any]] = {}
    for piece in (piece for chunk in chunks for piece in chunk["choices"]):
        before = choices.get(piece["index"], {"text": "", "logprobs": None, "finish_reason": None})
        assert before["finish_reason"] is None, "data after the finish reason of a choice"
        logprobs = _join_logprobs(before["logprobs"], piece["logprobs"])
        choices[piece["index"]] = piece | {"text": before["text"] + piece["text"], "logprobs": logprobs}
    usage = next((chunk["usage"] for chunk in chunks if chunk.get("usage")), None)
    return {**heads[0], "choices": [choices[index] for index in sorted(choices)], "usage": usage}


def _join_logprobs(logprobs: dict[str, Any] | None, more: dict[str, Any] | None) -> dict[str, Any] | None:
    """Concatenate the lists of two `logprobs`."""
    if logprobs is None or more is None:
        return more if logprobs is None else logprobs
    return {name: logprobs[name] + more[name] for name in logprobs}
