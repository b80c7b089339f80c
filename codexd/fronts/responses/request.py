"""What a body of `POST /v1/responses` asks, given what it goes on from; to an Exchange.

Lenient where nothing is lost: unknown fields, item types and hosted tools are accepted and named in
`Turn.ignored`. Strict where the answer would be a different one.
"""

from typing import Final

from codexd.fronts import reading, vocabulary
from codexd.fronts.exchange import Terms
from codexd.fronts.reading import Fields
from codexd.fronts.responses import attachments, history, tools
from codexd.fronts.responses.answer import Echo
from codexd.fronts.responses.echo import Extras, echo
from codexd.fronts.responses.exchange import ResponsesExchange
from codexd.fronts.responses.history import History
from codexd.fronts.responses.keeping import ResponsesKeeping
from codexd.fronts.responses.kept import SEALED
from codexd.fronts.responses.state import State
from codexd.neutral.kept import Recalled
from codexd.neutral.turn import Turn

_ASKED: Final = ("model", "input", "instructions", "stream", "stream_options", "text", "service_tier")
_TOOLS: Final = ("tools", "tool_choice", "parallel_tool_calls", "max_tool_calls")
_DRAW: Final = (
    "temperature",
    "top_p",
    "presence_penalty",
    "frequency_penalty",
    "seed",
    "stop",
    "top_logprobs",
)
_LIMITS: Final = ("max_output_tokens", "truncation")
_SHOWN: Final = ("reasoning", "reasoning_effort", "include", "top_logprobs")
_LABELS: Final = ("metadata", "user", "safety_identifier", "prompt_cache_key", "client_metadata")
_STATE: Final = ("store", "background", "previous_response_id", "conversation", "prompt")
KNOWN: Final = frozenset((*_ASKED, *_TOOLS, *_DRAW, *_LIMITS, *_SHOWN, *_LABELS, *_STATE))


def complete(fields: Fields, terms: Terms, state: State, recalled: Recalled) -> ResponsesExchange:
    """Read a body, all of it.

    Args:
        fields: the body.
        terms: on whose behalf, and in which modes.
        state: what it says of what is kept, read already.
        recalled: what it goes on from, which was held against what it wanted.

    Raises:
        Refused: `missing`, `wrong_type`, `wrong_value`, `unsupported`, `item_not_found` or
            `orphan_tool_output`, with the path of the field at fault as `param`.
    """
    model = fields.required_name("model")
    attachments.refuse(fields)
    said = history.read(fields, recalled, terms.modes)
    toolbox = tools.read(fields)
    extras, unused = _extras(fields, state)
    text = fields.object("text") or Fields({}, "text")
    fields.object("stream_options")
    ignored = (*unused, *toolbox.ignored, *said.ignored, *fields.ignored(KNOWN))
    turn = Turn(
        model,
        tuple(said.items),
        fields.text("instructions"),
        toolbox.tools,
        toolbox.choice,
        fields.flag("parallel_tool_calls", True),
        vocabulary.sampling(fields, "max_output_tokens"),
        vocabulary.thinking(fields),
        vocabulary.answer_format(text, "format"),
        text.choice("verbosity", vocabulary.VERBOSITIES),
        fields.text("service_tier"),
        terms.principal,
        ignored[: reading.MAX_IGNORED],
    )
    repeated = echo(turn, extras)
    keeping = _keeping(terms.principal, state, repeated, said, recalled) if state.store else None
    return ResponsesExchange(turn, fields.flag("stream", False), repeated, keeping)


def _keeping(owner: str, state: State, echo: Echo, said: History, recalled: Recalled) -> ResponsesKeeping:
    taken = frozenset(item.id for item in recalled.history or ())
    return ResponsesKeeping(owner, state, echo, tuple(said.own), taken, recalled.seen)


def _extras(fields: Fields, state: State) -> tuple[Extras, list[str]]:
    """Read what is only repeated in the Response, and name what of it has no effect."""
    sealed, unused = _include(fields)
    extras = Extras(
        state,
        vocabulary.metadata(fields),
        fields.choice("truncation", ("auto", "disabled")) or "disabled",
        fields.integer("top_logprobs", 0, 20) or 0,
        fields.integer("max_tool_calls", 1, 2**53),
        fields.text("safety_identifier"),
        fields.text("prompt_cache_key"),
        fields.text("user"),
        sealed,
    )
    idle = {
        "truncation": extras.truncation == "auto",
        "top_logprobs": extras.top_logprobs > 0,
        "max_tool_calls": extras.max_tool_calls is not None,
    }
    return extras, [name for name, is_so in idle.items() if is_so] + unused


def _include(fields: Fields) -> tuple[bool, list[str]]:
    """Read `include`; whatever is not the sealed reasoning is not to be had, which is no error."""
    asked = fields.array("include") or []
    for index, one in enumerate(asked):
        if not isinstance(one, str):
            reading.wrong_type(f"include[{index}]", "a string", one)
    return SEALED in asked, [f"include[{index}]" for index, one in enumerate(asked) if one != SEALED]
