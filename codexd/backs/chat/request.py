"""Encodes a Turn as the body of `POST /chat/completions` (OpenAI Chat Completions API).

The request always streams, with usage: a non-streamed response is the fold of the streamed one.
"""

from collections.abc import Callable
from typing import Final

from attrs import asdict

from codexd.backs.chat.capabilities import ServerCapabilities
from codexd.backs.chat.efforts import EFFORT_FIELDS, encode_effort
from codexd.backs.chat.messages import encode_messages
from codexd.backs.chat.tool_names import ToolNames
from codexd.backs.chat.tools import encode_tools
from codexd.neutral.records import frozen
from codexd.neutral.turn import Item, Message, Reasoning, ResponseFormat, TextPart, Turn, WebSearch, WebSearchCall
from codexd.wire import json
from codexd.wire.json import Json
from codexd.wire.provider_state import decode_state, list_members

FORWARDED: Final = frozenset(("prediction", "prompt_cache_key", "safety_identifier", "user"))
"""Fields that codexd does not use itself and passes on to every server."""

_TEMPLATE_VARIABLES: Final = "chat_template_kwargs"

_RESERVED: Final = frozenset(("input", "instructions", "messages", "model", "n", "stream", "stream_options"))
"""Fields that codexd sets itself."""


@frozen
class EncodedRequest:
    """An encoded request.

    Attributes:
        body: JSON.
        ignored: the client's request fields that the body does not contain.
    """

    body: bytes
    ignored: tuple[str, ...] = ()


def encode_request(turn: Turn, names: ToolNames, capabilities: ServerCapabilities) -> EncodedRequest:
    """Encode a request.

    Args:
        turn: the turn; its model is sent unchanged.
        names: the server's names for the turn's tools.
        capabilities: what the server accepts.

    Raises:
        FaultError: when the server does not accept a part of the turn.
    """
    own: dict[str, Json] = {"model": turn.model, "messages": encode_messages(turn, names, capabilities)}
    own |= {name: value for name, encode in _ENCODERS.items() if (value := encode(turn)) is not None}
    own |= encode_effort(turn.reasoning.effort, capabilities)
    own |= _encode_format(turn, capabilities)
    if turn.sampling.max_tokens is not None:
        own[capabilities.token_limit] = turn.sampling.max_tokens
    own |= encode_tools(turn, names, capabilities)
    search = turn.web_search
    if capabilities.pass_unknown and search is not None and _is_expressible(search):
        own["web_search_options"] = _encode_search(search)
    own["stream"] = True
    if capabilities.stream_options:
        own["stream_options"] = {"include_usage": True}
    extra = _extra_fields(turn, capabilities)
    _merge_template_variables(own, extra)
    body = {name: value for name, value in (extra | own).items() if name not in capabilities.omit}
    ignored = _ignored_fields(turn, own.keys() | extra.keys(), body, capabilities)
    renamed = dict(capabilities.rename)
    return EncodedRequest(json.encode({renamed.get(name, name): value for name, value in body.items()}), ignored)


def _merge_template_variables(own: dict[str, Json], extra: dict[str, Json]) -> None:
    """Add the client's own variables of the chat template, which take precedence over those of the effort."""
    ours, theirs = own.get(_TEMPLATE_VARIABLES), extra.get(_TEMPLATE_VARIABLES)
    if isinstance(ours, dict) and isinstance(theirs, dict):
        own[_TEMPLATE_VARIABLES] = ours | theirs


def _extra_fields(turn: Turn, capabilities: ServerCapabilities) -> dict[str, Json]:
    """Return the fields unknown to codexd that the server may get."""
    extra: dict[str, Json] = json.decode(turn.extra)
    return {
        name: value
        for name, value in extra.items()
        if name in FORWARDED or (capabilities.pass_unknown and name not in _RESERVED)
    }


def _ignored_fields(
    turn: Turn, wanted: set[str], body: dict[str, Json], capabilities: ServerCapabilities
) -> tuple[str, ...]:
    no_search = turn.web_search is not None and "web_search_options" not in body
    search = ("web_search",) if no_search else ()
    no_effort = turn.reasoning.effort is not None and wanted.isdisjoint(EFFORT_FIELDS)
    effort = ("reasoning_effort",) if no_effort else ()
    absent = sorted(name for name in wanted if name not in body)
    strict = () if capabilities.strict else _list_strict(turn)
    missing = (*turn.ignored, *absent, *effort, *search, *strict, *_lost_history(turn.items, capabilities))
    return tuple(name for name in dict.fromkeys(missing) if name not in body and name not in _UNREQUESTED)


def _list_strict(turn: Turn) -> tuple[str, ...]:
    """List `strict` where a server without it would be asked for it."""
    tools = ("tools[].strict",) if any(tool.strict for tool in turn.tools) else ()
    return (*tools, "format.strict") if turn.format.strict else tools


def _lost_history(items: tuple[Item, ...], capabilities: ServerCapabilities) -> tuple[str, ...]:
    """Return what Chat, or this server, has no form for in a history."""
    lost: dict[str, None] = {}
    for item in items:
        if isinstance(item, WebSearchCall):
            lost["input[] (web_search_call)"] = None
        elif isinstance(item, Reasoning) and item.encrypted is not None:
            state = decode_state(item.encrypted)
            names = ("input[].encrypted_content",) if state is None else list_members(state, capabilities.state)
            lost |= dict.fromkeys(names)
        elif isinstance(item, Message) and item.role == "assistant":
            if item.phase is not None:
                lost["input[].phase"] = None
            if any(isinstance(part, TextPart) and part.annotations for part in item.parts):
                lost["input[].content[].annotations"] = None
    return tuple(lost)


def _is_expressible(search: WebSearch) -> bool:
    """Return whether Chat can express the search: it has no domain filter and no stored pages."""
    return search.live and not search.domains


def _encode_search(search: WebSearch) -> Json:
    options: dict[str, Json] = {}
    if search.context_size is not None:
        options["search_context_size"] = search.context_size
    if search.user_location is not None:
        location = {name: value for name, value in asdict(search.user_location).items() if value is not None}
        options["user_location"] = {"type": "approximate", "approximate": location}
    return options


_UNREQUESTED: Final = frozenset(("stream", "stream_options"))
"""Fields that no client sent, or not in this form."""


def _encode_format(turn: Turn, capabilities: ServerCapabilities) -> dict[str, Json]:
    form = turn.format
    if form.kind == "text":
        return {}
    schema = {"json_schema": _encode_schema(form, capabilities)} if form.kind == "json_schema" else {}
    return {"response_format": {"type": form.kind} | schema}


def _encode_schema(form: ResponseFormat, capabilities: ServerCapabilities) -> Json:
    schema: dict[str, Json] = {"name": form.name or "answer"}
    if form.description is not None:
        schema["description"] = form.description
    if form.schema is not None:
        schema["schema"] = json.fragment(form.schema)
    if form.strict is not None and capabilities.strict:
        schema["strict"] = form.strict
    return schema


def _encode_logit_bias(turn: Turn) -> Json:
    return None if turn.sampling.logit_bias is None else json.fragment(turn.sampling.logit_bias)


_ENCODERS: Final[dict[str, Callable[[Turn], Json]]] = {
    "temperature": lambda turn: turn.sampling.temperature,
    "top_p": lambda turn: turn.sampling.top_p,
    "presence_penalty": lambda turn: turn.sampling.presence_penalty,
    "frequency_penalty": lambda turn: turn.sampling.frequency_penalty,
    "seed": lambda turn: turn.sampling.seed,
    "stop": lambda turn: list(turn.sampling.stop) or None,
    "logit_bias": _encode_logit_bias,
    "logprobs": lambda turn: turn.sampling.logprobs or None,
    "top_logprobs": lambda turn: turn.sampling.top_logprobs if turn.sampling.logprobs else None,
    "verbosity": lambda turn: turn.verbosity,
    "service_tier": lambda turn: turn.service_tier,
}
