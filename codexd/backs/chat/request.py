"""A Turn as the body of `POST /chat/completions` (OpenAI Chat Completions API).

It always streams, with usage: an answer in one piece is the fold of the streamed one.
"""

from collections.abc import Callable
from typing import Final

from attrs import asdict, frozen

from codexd.backs.chat.dialect import Dialect
from codexd.backs.chat.messages import messages
from codexd.backs.chat.names import Names
from codexd.backs.chat.tools import offer
from codexd.neutral.turn import Format, Turn, WebSearch
from codexd.wire import json
from codexd.wire.json import Json

FORWARDED: Final = frozenset(("prediction", "prompt_cache_key", "safety_identifier", "user"))
"""Fields that mean nothing to codexd and something to every server that follows OpenAI."""

_OURS: Final = frozenset(("input", "instructions", "messages", "model", "n", "stream", "stream_options"))


@frozen
class Asked:
    """A request as it goes out.

    Attributes:
        body: JSON.
        ignored: the client's request fields that are not in it.
    """

    body: bytes
    ignored: tuple[str, ...] = ()


def write(turn: Turn, names: Names, dialect: Dialect) -> Asked:
    """Write a request.

    Args:
        turn: what is asked; its model goes out as it is.
        names: of the turn's tools.
        dialect: what the server can take.

    Raises:
        Refused: when the model cannot be shown or asked this.
    """
    own: dict[str, Json] = {"model": turn.model, "messages": messages(turn, names, dialect)}
    own |= {name: value for name, read in _READS.items() if (value := read(turn)) is not None}
    if turn.sampling.max_tokens is not None:
        own[dialect.token_limit] = turn.sampling.max_tokens
    own |= offer(turn, names, dialect)
    if dialect.pass_unknown and turn.web_search is not None and _can_be_said(turn.web_search):
        own["web_search_options"] = _search(turn.web_search)
    own |= {"stream": True, "stream_options": {"include_usage": True}}
    extra = _extra(turn, dialect)
    body = {name: value for name, value in (extra | own).items() if name not in dialect.omit}
    return Asked(json.encode(body), _ignored(turn, own.keys() | extra.keys(), body))


def _extra(turn: Turn, dialect: Dialect) -> dict[str, Json]:
    """Give the fields nobody here knows, as far as they may go on."""
    found: dict[str, Json] = json.decode(turn.extra)
    return {
        name: value
        for name, value in found.items()
        if name in FORWARDED or (dialect.pass_unknown and name not in _OURS)
    }


def _ignored(turn: Turn, wanted: set[str], body: dict[str, Json]) -> tuple[str, ...]:
    unsaid = turn.web_search is not None and "web_search_options" not in body
    searching = ("web_search",) if unsaid else ()
    left_out = (*turn.ignored, *sorted(name for name in wanted if name not in body), *searching)
    return tuple(name for name in dict.fromkeys(left_out) if name not in body and name not in _UNASKED)


def _can_be_said(search: WebSearch) -> bool:
    """Tell whether Chat has words for a search: not for one that is held to domains or to what is stored."""
    return search.live and not search.domains


def _search(search: WebSearch) -> Json:
    options: dict[str, Json] = {}
    if search.context_size is not None:
        options["search_context_size"] = search.context_size
    if search.place is not None:
        where = {name: value for name, value in asdict(search.place).items() if value is not None}
        options["user_location"] = {"type": "approximate", "approximate": where}
    return options


_UNASKED: Final = frozenset(("stream", "stream_options"))
"""What no client asked for, or not in this form."""


def _format(turn: Turn) -> Json:
    asked = turn.format
    if asked.kind == "text":
        return None
    return {"type": asked.kind} | ({"json_schema": _schema(asked)} if asked.kind == "json_schema" else {})


def _schema(asked: Format) -> Json:
    schema: dict[str, Json] = {"name": asked.name or "answer"}
    if asked.description is not None:
        schema["description"] = asked.description
    if asked.schema is not None:
        schema["schema"] = json.fragment(asked.schema)
    if asked.strict is not None:
        schema["strict"] = asked.strict
    return schema


def _bias(turn: Turn) -> Json:
    return None if turn.sampling.logit_bias is None else json.fragment(turn.sampling.logit_bias)


_READS: Final[dict[str, Callable[[Turn], Json]]] = {
    "temperature": lambda turn: turn.sampling.temperature,
    "top_p": lambda turn: turn.sampling.top_p,
    "presence_penalty": lambda turn: turn.sampling.presence_penalty,
    "frequency_penalty": lambda turn: turn.sampling.frequency_penalty,
    "seed": lambda turn: turn.sampling.seed,
    "stop": lambda turn: list(turn.sampling.stop) or None,
    "logit_bias": _bias,
    "logprobs": lambda turn: turn.sampling.logprobs or None,
    "top_logprobs": lambda turn: turn.sampling.top_logprobs if turn.sampling.logprobs else None,
    "reasoning_effort": lambda turn: turn.thinking.effort,
    "verbosity": lambda turn: turn.verbosity,
    "response_format": _format,
    "service_tier": lambda turn: turn.service_tier,
}
