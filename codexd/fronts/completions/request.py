"""Decoder of legacy Completions request bodies."""

from typing import Final

from attrs import evolve

from codexd.fronts import json_fields, parameters, used_fields
from codexd.fronts.attachments import reject_attachments
from codexd.fronts.chat.request import MAX_CHOICES, include_usage
from codexd.fronts.completions.decoded_request import DecodedCompletionsRequest
from codexd.fronts.completions.objects import CompletionsOutputOptions
from codexd.fronts.dialect import RequestOptions, turn_for_choice
from codexd.fronts.json_fields import Fields
from codexd.neutral.turn import Message, ReasoningOptions, Sampling, TextPart, Turn

_KNOWN: Final = frozenset(
    (
        "model",
        "prompt",
        "n",
        "best_of",
        "echo",
        "suffix",
        "stream",
        "stream_options",
        "temperature",
        "top_p",
        "presence_penalty",
        "frequency_penalty",
        "seed",
        "logprobs",
        "logit_bias",
        "stop",
        "max_tokens",
        "reasoning_effort",
    )
)

_NOT_FORWARDED: Final = frozenset(("messages", "tools", "tool_choice", "functions", "function_call"))
"""Chat fields whose effect on a response this dialect cannot show: no provider gets them."""


def decode(body: bytes, options: RequestOptions) -> DecodedCompletionsRequest:
    """Decode a request body; unknown fields are never rejected, only listed in `Turn.ignored`.

    Each prompt becomes one user message: the models behind this endpoint answer, they do not continue a text.
    Without `max_tokens` the length of a response is unlimited: reasoning would use up OpenAI's default of 16.
    With 0 no model is asked: the response is empty, or the prompt (`echo`).

    Args:
        body: the JSON text, decompressed.
        options: whose request it is.

    Raises:
        FaultError: with a fault of status 400 that names the field.
    """
    fields = json_fields.parse_body(body, options.limits)
    model = fields.required_name("model")
    reject_attachments(fields, "prompt")
    prompts = _parse_prompts(fields)
    times = fields.integer("n", 1, MAX_CHOICES) or 1
    _check_choice_count(len(prompts), times)
    _reject_suffix(fields)
    sampling = _parse_sampling(fields)
    asked = Turn(
        model=model,
        items=(),
        sampling=sampling,
        reasoning=ReasoningOptions(fields.choice("reasoning_effort", parameters.EFFORTS)),
        principal=options.principal,
        ignored=(
            *fields.ignored(_KNOWN),
            *_parse_best_of(fields, times),
            *_list_unsampled(sampling),
            *used_fields.find_unused(fields.value, used_fields.COMPLETIONS),
        ),
        extra=fields.rest(_KNOWN | _NOT_FORWARDED),
        calls_as_text=options.calls_as_text,
    )
    each = [(prompt, index) for prompt in prompts for index in range(times)]
    echo = fields.flag("echo", False)
    return DecodedCompletionsRequest(
        tuple(evolve(turn_for_choice(asked, index), items=_user_message(prompt)) for prompt, index in each),
        CompletionsOutputOptions(tuple(prompt if echo else "" for prompt, _ in each), include_usage(fields)),
        fields.flag("stream", False),
    )


def _user_message(prompt: str) -> tuple[Message, ...]:
    return (Message(role="user", parts=(TextPart(prompt),)),)


def _parse_prompts(fields: Fields) -> list[str]:
    """Parse `prompt`: a string or an array of strings; token ids are rejected: their tokenizer is unknown."""
    value = fields.raw("prompt")
    if value is None:
        json_fields.raise_missing("prompt")
    if isinstance(value, str):
        return [value]
    if not isinstance(value, list):
        json_fields.raise_wrong_type("prompt", "a string or an array of strings", value)
    if not value:
        json_fields.raise_wrong_value("prompt", "expected at least one string")
    if any(type(one) in (int, list) for one in value):
        json_fields.raise_unsupported(
            "prompt", "This server does not support token ids; send every prompt as a string."
        )
    for index, one in enumerate(value):
        if not isinstance(one, str):
            json_fields.raise_wrong_type(f"prompt[{index}]", "a string", one)
    return value


def _check_choice_count(prompts: int, times: int) -> None:
    """Reject too many choices: every one is a whole turn."""
    if prompts * times > MAX_CHOICES:
        param = "prompt" if prompts > MAX_CHOICES else "n"
        json_fields.raise_wrong_value(param, f"prompts times 'n' must be at most {MAX_CHOICES}")


def _parse_sampling(fields: Fields) -> Sampling:
    """Parse the sampling parameters; `logprobs` is the number of alternatives for each token."""
    alternatives = fields.integer("logprobs", 0, 5)
    asked = parameters.parse_sampling(fields, "max_tokens", logprobs=alternatives is not None, min_tokens=0)
    return evolve(asked, top_logprobs=alternatives)


def _list_unsampled(sampling: Sampling) -> tuple[str, ...]:
    """Return `logprobs` if no token is sampled: those of the prompt are not known."""
    return ("logprobs",) if sampling.logprobs and sampling.max_tokens == 0 else ()


def _reject_suffix(fields: Fields) -> None:
    if fields.text("suffix"):
        json_fields.raise_unsupported("suffix", "This server does not support 'suffix'; remove it.")


def _parse_best_of(fields: Fields, times: int) -> tuple[str, ...]:
    """Parse `best_of`; it is ignored if it exceeds `n`, as each response is the only candidate."""
    candidates = fields.integer("best_of", 1, 20) or times
    if candidates < times:
        json_fields.raise_wrong_value("best_of", "expected a value of at least 'n'")
    return ("best_of",) if candidates > times else ()
