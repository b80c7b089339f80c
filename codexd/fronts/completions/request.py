"""A legacy Completions request body to an exchange."""

from typing import Final

from attrs import evolve

from codexd.fronts import reading, vocabulary
from codexd.fronts.chat.request import MAX_CHOICES, include_usage
from codexd.fronts.completions.answer import Style
from codexd.fronts.completions.exchange import CompletionsExchange
from codexd.fronts.exchange import Terms, choice
from codexd.fronts.reading import Fields
from codexd.neutral.turn import Message, Sampling, TextPart, Thinking, Turn

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

_WITHOUT_A_PLACE: Final = frozenset(("messages", "tools", "tool_choice", "functions", "function_call"))
"""Chat's fields whose effect on an answer could not be told in this dialect: no provider is sent them."""


def decode(body: bytes, terms: Terms) -> CompletionsExchange:
    """Read a request body; unknown fields are never refused, only named in `Turn.ignored`.

    Each prompt is asked as one user message: the models behind this door answer and do not go on with a text.
    Without `max_tokens` an answer may be as long as it gets: OpenAI's 16 would be spent on thinking.

    Args:
        body: the JSON text, decompressed.
        terms: on whose behalf.

    Raises:
        Refused: with a fault of status 400 that names the field.
    """
    fields = reading.body(body)
    model = fields.required_name("model")
    prompts = _prompts(fields)
    times = fields.integer("n", 1, MAX_CHOICES) or 1
    _must_fit(len(prompts), times)
    _no_suffix(fields)
    asked = Turn(
        model=model,
        items=(),
        sampling=_sampling(fields),
        thinking=Thinking(fields.choice("reasoning_effort", vocabulary.EFFORTS)),
        principal=terms.principal,
        ignored=fields.ignored(_KNOWN) + _best_of(fields, times),
        extra=fields.rest(_KNOWN | _WITHOUT_A_PLACE),
        calls_as_text=terms.calls_as_text,
    )
    each = [(prompt, index) for prompt in prompts for index in range(times)]
    echo = fields.flag("echo", False)
    return CompletionsExchange(
        tuple(evolve(choice(asked, index), items=_said(prompt)) for prompt, index in each),
        Style(tuple(prompt if echo else "" for prompt, _ in each), include_usage(fields)),
        fields.flag("stream", False),
    )


def _said(prompt: str) -> tuple[Message, ...]:
    return (Message("user", (TextPart(prompt),)),)


def _prompts(fields: Fields) -> list[str]:
    """Read `prompt`: a string, or an array of them; token ids are those of a tokenizer nobody here has."""
    value = fields.raw("prompt")
    if value is None:
        reading.missing("prompt")
    if isinstance(value, str):
        return [value]
    if not isinstance(value, list):
        reading.wrong_type("prompt", "a string or an array of strings", value)
    if not value:
        reading.wrong_value("prompt", "expected at least one string")
    if any(type(one) in (int, list) for one in value):
        reading.unsupported("prompt", "Token ids cannot be read here; send every prompt as a string.")
    for index, one in enumerate(value):
        if not isinstance(one, str):
            reading.wrong_type(f"prompt[{index}]", "a string", one)
    return value


def _must_fit(prompts: int, times: int) -> None:
    """Refuse more choices than there may be: every one is a whole turn."""
    if prompts * times > MAX_CHOICES:
        param = "prompt" if prompts > MAX_CHOICES else "n"
        reading.wrong_value(param, f"prompts times 'n' may be {MAX_CHOICES} choices at most")


def _sampling(fields: Fields) -> Sampling:
    """Read the parameters of the draw; `logprobs` is how many alternatives are wanted for each token."""
    alternatives = fields.integer("logprobs", 0, 5)
    asked = vocabulary.sampling(fields, "max_tokens", logprobs=alternatives is not None)
    return evolve(asked, top_logprobs=alternatives)


def _no_suffix(fields: Fields) -> None:
    if fields.text("suffix"):
        reading.unsupported("suffix", "Text cannot be inserted before a suffix here; leave 'suffix' out.")


def _best_of(fields: Fields, times: int) -> tuple[str, ...]:
    """Read `best_of`, and name it where there would be a choice: each answer is the only candidate."""
    candidates = fields.integer("best_of", 1, 20) or times
    if candidates < times:
        reading.wrong_value("best_of", "expected at least 'n'")
    return ("best_of",) if candidates > times else ()
