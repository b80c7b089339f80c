"""What a body of `POST /v1/responses` asks, given what it goes on from; to an Exchange.

Lenient where nothing is lost: unknown fields and item types are accepted and named in `Turn.ignored`. Strict
where the answer would be a different one.
"""

from typing import Final, Literal, cast

from codexd.fronts import reading, vocabulary
from codexd.fronts.exchange import Terms
from codexd.fronts.modes import TOOL_EVENTS
from codexd.fronts.reading import Fields
from codexd.fronts.responses import attachments, history, tools
from codexd.fronts.responses.answer import Echo
from codexd.fronts.responses.echo import Extras, echo
from codexd.fronts.responses.exchange import ResponsesExchange
from codexd.fronts.responses.history import History
from codexd.fronts.responses.keeping import ResponsesKeeping
from codexd.fronts.responses.kept import SEALED
from codexd.fronts.responses.state import State
from codexd.fronts.responses.tools import Toolbox
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

_KEPT_BACK: Final = KNOWN - {"user", "safety_identifier", "prompt_cache_key"}
"""Known fields that say nothing to a provider in the form they have here."""

_LOGPROBS: Final = "message.output_text.logprobs"
_HAD: Final = (SEALED, _LOGPROBS)


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
    toolbox = tools.read(fields, terms.drop_hosted)
    extras, unused = _extras(fields, state, toolbox)
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
        vocabulary.sampling(
            fields, "max_output_tokens", logprobs=_LOGPROBS in (fields.array("include") or ())
        ),
        vocabulary.thinking(fields),
        vocabulary.answer_format(text, "format"),
        text.choice("verbosity", vocabulary.VERBOSITIES),
        fields.text("service_tier"),
        terms.principal,
        ignored[: reading.MAX_IGNORED],
        toolbox.web_search,
        cast(Literal["auto", "disabled"], extras.truncation),
        fields.rest(_KEPT_BACK),
        terms.calls_as_text,
    )
    repeated = echo(turn, extras)
    keeping = _keeping(terms, state, repeated, said, recalled) if state.store else None
    extended = TOOL_EVENTS in terms.modes
    return ResponsesExchange(turn, fields.flag("stream", False), repeated, keeping, extended)


def _keeping(terms: Terms, state: State, echo: Echo, said: History, recalled: Recalled) -> ResponsesKeeping:
    taken = frozenset(item.id for item in recalled.history or ())
    extended = TOOL_EVENTS in terms.modes
    return ResponsesKeeping(terms.principal, state, echo, tuple(said.own), taken, recalled.seen, extended)


def _extras(fields: Fields, state: State, toolbox: Toolbox) -> tuple[Extras, list[str]]:
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
        "store": fields.flag("store", False) and not state.store,
        # OpenAI counts the calls of hosted tools only.
        "max_tool_calls": extras.max_tool_calls is not None and toolbox.web_search is not None,
    }
    return extras, [name for name, is_so in idle.items() if is_so] + unused


def _include(fields: Fields) -> tuple[bool, list[str]]:
    """Read `include`; whatever is neither the sealed reasoning nor how sure a text is, is not to be had."""
    asked = fields.array("include") or []
    for index, one in enumerate(asked):
        if not isinstance(one, str):
            reading.wrong_type(f"include[{index}]", "a string", one)
    return SEALED in asked, [f"include[{index}]" for index, one in enumerate(asked) if one not in _HAD]
