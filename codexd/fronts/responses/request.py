"""Decoder of a `POST /v1/responses` body with its loaded history.

Lenient where the client can be told: unknown fields and unsupported items and tools are listed in `Turn.ignored`.
Strict where the response would be a different one.
"""

import re
from typing import Final, Literal, cast

from attrs import frozen

from codexd.fronts import json_fields, parameters, used_fields
from codexd.fronts.attachments import reject_attachments
from codexd.fronts.compatibility import TOOL_EVENTS
from codexd.fronts.dialect import RequestOptions
from codexd.fronts.json_fields import Fields
from codexd.fronts.responses import history, tools
from codexd.fronts.responses.context_management import parse_compaction_request
from codexd.fronts.responses.decoded_request import DecodedResponsesRequest
from codexd.fronts.responses.echo import EchoedFields, build_echo
from codexd.fronts.responses.history import InputHistory
from codexd.fronts.responses.objects import Echo
from codexd.fronts.responses.state import StateOptions
from codexd.fronts.responses.storage_encoder import ResponsesStorageEncoder
from codexd.fronts.responses.stored import ENCRYPTED_REASONING
from codexd.fronts.responses.tools import DeclaredTools
from codexd.neutral.stored import LoadedHistory
from codexd.neutral.turn import Sampling, Turn

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
_COMPACTION: Final = ("context_management",)
_STATE: Final = ("store", "background", "previous_response_id", "conversation", "prompt")
KNOWN: Final = frozenset((*_ASKED, *_TOOLS, *_DRAW, *_LIMITS, *_SHOWN, *_LABELS, *_COMPACTION, *_STATE))

_NOT_FORWARDED: Final = KNOWN - {"user", "safety_identifier", "prompt_cache_key"}
"""Known fields that a provider would not understand in the form they have here."""

_LOGPROBS: Final = "message.output_text.logprobs"
_SUPPORTED_INCLUDES: Final = (ENCRYPTED_REASONING, _LOGPROBS)
_PLAIN_INCLUDE: Final = re.compile(r"[a-z0-9_.]{1,64}")


@frozen(kw_only=True)
class _Parts:
    """The parsed parts of a body that the turn is built from.

    Attributes:
        unused: the names of accepted fields without effect.
    """

    model: str
    input_history: InputHistory
    declared: DeclaredTools
    extras: EchoedFields
    unused: list[str]
    text: Fields


def decode_with_history(
    fields: Fields, options: RequestOptions, state: StateOptions, loaded: LoadedHistory
) -> DecodedResponsesRequest:
    """Decode the whole body.

    Args:
        fields: the body.
        options: whose request it is, and its compatibility modes.
        state: its state options, already parsed.
        loaded: the history that it continues, already checked against the query.

    Raises:
        FaultError: `missing`, `wrong_type`, `wrong_value`, `unsupported`, `item_not_found` or
            `orphan_tool_output`, with the path of the invalid field as `param`.
    """
    parts = _parse_parts(fields, options, state, loaded)
    turn = _build_turn(fields, options, parts)
    echo = build_echo(turn, parts.declared.declared, parts.extras)
    return DecodedResponsesRequest(
        turn=turn,
        stream=fields.flag("stream", False),
        echo=echo,
        storage=_storage_encoder(options, state, echo, parts.input_history, loaded) if state.store else None,
        tool_events=TOOL_EVENTS in options.modes,
    )


def _parse_parts(fields: Fields, options: RequestOptions, state: StateOptions, loaded: LoadedHistory) -> _Parts:
    """Parse the model, the input, the tools and the repeated fields; of several errors the first is reported."""
    model = fields.required_name("model")
    reject_attachments(fields)
    input_history = history.parse_input(fields, loaded, options.modes)
    declared = tools.parse_tools(fields, options.drop_hosted, input_history.tool_items)
    extras, unused = _parse_echoed_fields(fields, state, declared)
    text = fields.object("text") or Fields({}, "text")
    parameters.check_stream_options(fields, fields.flag("stream", False))
    return _Parts(model=model, input_history=input_history, declared=declared, extras=extras, unused=unused, text=text)


def _build_turn(fields: Fields, options: RequestOptions, parts: _Parts) -> Turn:
    """Parse the remaining fields and build the turn."""
    declared = parts.declared
    return Turn(
        model=parts.model,
        items=tuple(parts.input_history.items),
        instructions=fields.text("instructions"),
        tools=declared.tools,
        tool_choice=declared.choice,
        parallel_tool_calls=fields.flag("parallel_tool_calls", True),
        sampling=_parse_sampling(fields),
        reasoning=parameters.parse_thinking(fields),
        format=parameters.parse_format(parts.text, "format"),
        verbosity=parts.text.choice("verbosity", parameters.VERBOSITIES),
        service_tier=fields.text("service_tier"),
        principal=options.principal,
        ignored=_list_ignored(fields, parts),
        web_search=declared.web_search,
        truncation=cast(Literal["auto", "disabled"], parts.extras.truncation),
        extra=fields.rest(_NOT_FORWARDED),
        calls_as_text=options.calls_as_text,
        compaction=parse_compaction_request(fields, parts.input_history.compaction_trigger is not None),
    )


def _parse_sampling(fields: Fields) -> Sampling:
    logprobs = _LOGPROBS in (fields.array("include") or ())
    return parameters.parse_sampling(fields, "max_output_tokens", logprobs=logprobs)


def _list_ignored(fields: Fields, parts: _Parts) -> tuple[str, ...]:
    """Return the paths of the fields without effect, as many as a header may list."""
    ignored = (
        *parts.unused,
        *parts.declared.ignored,
        *parts.input_history.ignored,
        *fields.ignored(KNOWN),
        *used_fields.find_unused(fields.value, used_fields.RESPONSES),
    )
    return ignored[: json_fields.MAX_IGNORED]


def _storage_encoder(
    options: RequestOptions, state: StateOptions, echo: Echo, input_history: InputHistory, loaded: LoadedHistory
) -> ResponsesStorageEncoder:
    return ResponsesStorageEncoder(
        owner=options.principal,
        state=state,
        echo=echo,
        own=tuple(input_history.own),
        taken_ids=frozenset(item.id for item in loaded.history or ()),
        conversation_position=loaded.position,
        tool_events=TOOL_EVENTS in options.modes,
    )


def _parse_echoed_fields(
    fields: Fields, state: StateOptions, declared: DeclaredTools
) -> tuple[EchoedFields, list[str]]:
    """Parse the fields that a Response only repeats; return them and the names of those without effect."""
    include_encrypted, unused = _parse_include(fields)
    extras = EchoedFields(
        state=state,
        metadata=parameters.parse_metadata(fields),
        truncation=fields.choice("truncation", ("auto", "disabled")) or "disabled",
        top_logprobs=fields.integer("top_logprobs", 0, 20) or 0,
        max_tool_calls=fields.integer("max_tool_calls", 1, 2**53),
        safety_identifier=fields.text("safety_identifier"),
        prompt_cache_key=fields.text("prompt_cache_key"),
        user=fields.text("user"),
        include_encrypted=include_encrypted,
    )
    without_effect = {
        "store": fields.flag("store", False) and not state.store,
        # OpenAI counts only the calls of hosted tools.
        "max_tool_calls": extras.max_tool_calls is not None and declared.web_search is not None,
    }
    return extras, [name for name, is_so in without_effect.items() if is_so] + unused


def _parse_include(fields: Fields) -> tuple[bool, list[str]]:
    """Parse `include`; only encrypted reasoning and log probabilities are available, the rest is ignored."""
    asked = fields.array("include") or []
    for index, one in enumerate(asked):
        if not isinstance(one, str):
            json_fields.raise_wrong_type(f"include[{index}]", "a string", one)
    return ENCRYPTED_REASONING in asked, [
        f"include[{index}] ({one})" if _PLAIN_INCLUDE.fullmatch(one) else f"include[{index}]"
        for index, one in enumerate(asked)
        if one not in _SUPPORTED_INCLUDES
    ]
