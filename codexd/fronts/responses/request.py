"""A body of `POST /v1/responses` to an Exchange.

Lenient where nothing is lost: unknown fields, item types and hosted tools are accepted and named in
`Turn.ignored`. Strict where the answer would be a different one: state that is not here yet (a previous
response, a conversation, background work, a stored prompt) is a 400 that names the field. `store` is
accepted; as nothing is stored yet, the Response says `store: false`.
"""

from typing import Final

from codexd.fronts import reading, vocabulary
from codexd.fronts.exchange import Terms
from codexd.fronts.reading import Fields
from codexd.fronts.responses import history, tools
from codexd.fronts.responses.echo import Extras, echo
from codexd.fronts.responses.exchange import ResponsesExchange
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

_SEALED: Final = "reasoning.encrypted_content"

_ABSENT: Final = {
    "previous_response_id": "Responses are not stored here; send the whole conversation as 'input' instead.",
    "conversation": "Conversations are not stored here; send the whole conversation as 'input' instead.",
    "prompt": "Stored prompts are not kept here; send 'instructions' and 'input' instead.",
}


def decode(body: bytes, terms: Terms) -> ResponsesExchange:
    """Read a request's body.

    Args:
        body: JSON, already decompressed and limited in size.
        terms: on whose behalf, and in which modes.

    Raises:
        Refused: `malformed_json`, `missing`, `wrong_type`, `wrong_value`, `unsupported` or
            `orphan_tool_output`, with the path of the field at fault as `param`.
    """
    return decode_object(reading.body(body), terms)


def decode_object(fields: Fields, terms: Terms) -> ResponsesExchange:
    """Read a body that was parsed already, as where a client sends this shape to the Chat door.

    Raises:
        Refused: as `decode` does.
    """
    model = fields.required_name("model")
    _refuse_state(fields)
    said = history.read(fields, Recalled(), terms.modes)
    toolbox = tools.read(fields)
    extras, unused = _extras(fields)
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
    return ResponsesExchange(turn, fields.flag("stream", False), echo(turn, extras))


def _refuse_state(fields: Fields) -> None:
    for name, why in _ABSENT.items():
        if fields.has(name):
            reading.unsupported(name, why)
    if fields.flag("background", False):
        reading.unsupported("background", "Background responses are not available here.")


def _extras(fields: Fields) -> tuple[Extras, list[str]]:
    """Read what is only repeated in the Response, and name what of it has no effect."""
    sealed, unused = _include(fields)
    extras = Extras(
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
        "store": fields.has("store") and fields.flag("store", False),
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
    return _SEALED in asked, [f"include[{index}]" for index, one in enumerate(asked) if one != _SEALED]
