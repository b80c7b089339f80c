"""What one chunk says, piece by piece, however the server spells it.

Servers differ: reasoning has four names, content may be an array, usage stands in three places, a server
that does not stream sends the whole message. All of it is read here, leniently: what has no meaning is passed
over, and only what is no JSON at all, or an error, is a failure.
"""

from collections.abc import Callable
from typing import Final

from attrs import frozen

from codexd.backs.chat.failures import MALFORMED, broken
from codexd.neutral.event import Usage
from codexd.neutral.fault import Fault
from codexd.neutral.turn import JsonText
from codexd.wire import json
from codexd.wire.json import Json


@frozen
class Text:
    """Text said; `whole` when it repeats what came before it."""

    text: str
    logprobs: JsonText | None = None
    whole: bool = False


@frozen
class Thought:
    """Reasoning."""

    text: str
    whole: bool = False


@frozen
class Refusal:
    """Words of a refusal."""

    text: str
    whole: bool = False


@frozen
class Noted:
    """An annotation, as OpenAI's Responses has it."""

    annotation: JsonText


@frozen
class CallPiece:
    """What a chunk says of one call; `last` when the message ends with it, so that it may be a repetition.

    Attributes:
        index: which call, as the server counts; None if it does not say.
        native: it came as a custom tool's.
    """

    index: int | None = None
    id: str = ""
    name: str = ""
    arguments: str = ""
    native: bool = False
    last: bool = False


@frozen
class Finish:
    """Why the message ended."""

    reason: str


@frozen
class Counted:
    """What the answer cost up to here."""

    usage: Usage


@frozen
class Broke:
    """The answer failed."""

    fault: Fault


Piece = Text | Thought | Refusal | Noted | CallPiece | Finish | Counted | Broke

LEGACY: Final = -1
"""The index of the one call that comes as the deprecated `function_call`."""

_TEXTS: Final = ("text", "content", "thinking", "reasoning", "refusal", "summary")
_THOUGHTS: Final = ("reasoning_content", "reasoning", "reasoning_text", "thinking")


def read(data: bytes) -> list[Piece]:
    """Read a chunk, or a whole completion."""
    try:
        chunk = json.decode(data)
        return _read(chunk) if isinstance(chunk, dict) else []
    except json.Malformed:  # also of what is nested too deep to be passed on
        return [Broke(MALFORMED)]


def _read(chunk: dict[str, Json]) -> list[Piece]:
    if chunk.get("error") or chunk.get("object") == "error":
        return [Broke(broken(chunk))]
    choice = _choice(chunk.get("choices"))
    pieces = [] if choice is None else _said(choice)
    usage = _usage(chunk, choice)
    return pieces if usage is None else [*pieces, Counted(usage)]


def _choice(choices: Json) -> dict[str, Json] | None:
    """Give the first choice: no more than one was asked for."""
    if not isinstance(choices, list):
        return None
    for one in choices:
        if isinstance(one, dict) and one.get("index") in (0, None):
            return one
    return None


def _said(choice: dict[str, Json]) -> list[Piece]:
    if choice.get("error"):
        return [Broke(broken(choice["error"]))]
    delta, whole = choice.get("delta"), False
    if not isinstance(delta, dict) or not delta:
        delta, whole = choice.get("message"), True
    reason = choice.get("finish_reason")
    pieces: list[Piece] = []
    if isinstance(delta, dict):
        pieces = _delta(delta, _logprobs(choice.get("logprobs")), whole, bool(reason) or whole)
    if isinstance(reason, str) and reason:
        pieces.append(Finish(reason))
    return pieces


def _delta(delta: dict[str, Json], logprobs: JsonText | None, whole: bool, last: bool) -> list[Piece]:
    pieces: list[Piece] = []
    thought = None
    for name in _THOUGHTS:
        thought = thought or delta.get(name)
    if thought:
        pieces += [Thought(text, whole) for text in _texts(thought)]
    content = delta.get("content")
    # llama.cpp tells the probabilities of thoughts and calls too: they are none of the text's.
    elsewhere = thought or delta.get("tool_calls") or delta.get("function_call")
    if content or (logprobs is not None and not elsewhere):
        pieces += _content(content, logprobs, whole)
    if refusal := delta.get("refusal"):
        pieces += [Refusal(text, whole) for text in _texts(refusal)]
    if noted := delta.get("annotations"):
        pieces += [Noted(_flat(one)) for one in _objects(noted)]
    if calls := delta.get("tool_calls"):
        pieces += [_call(call, last) for call in _objects(calls)]
    legacy = delta.get("function_call")
    # llama-cpp-python says the one call in both forms.
    if isinstance(legacy, dict) and legacy and not calls:
        pieces.append(CallPiece(LEGACY, "", *_named(legacy), last=last))
    return pieces


def _content(content: Json, logprobs: JsonText | None, whole: bool) -> list[Piece]:
    if isinstance(content, str) or not content:
        return [Text(content or "", logprobs, whole)]
    pieces: list[Piece] = []
    for part in content if isinstance(content, list) else [content]:
        make = _PARTS.get(str(part.get("type")), Text) if isinstance(part, dict) else Text
        pieces += [make(text, whole=whole) for text in _texts(part)]
    return pieces if logprobs is None else [*pieces, Text("", logprobs)]


_PARTS: Final[dict[str, Callable[..., Text | Thought | Refusal]]] = {
    "refusal": Refusal,
    "reasoning": Thought,
    "thinking": Thought,
}


def _texts(value: Json, depth: int = 4) -> list[str]:
    """Find the text in what may be a string, a part, or an array of them."""
    if isinstance(value, str):
        return [value] if value else []
    if not depth:
        return []
    if isinstance(value, list):
        return [text for one in value for text in _texts(one, depth - 1)]
    if not isinstance(value, dict):
        return []
    inner = (value.get(name) for name in _TEXTS)
    return next((found for one in inner if one and (found := _texts(one, depth - 1))), [])


def _objects(value: Json) -> list[dict[str, Json]]:
    return [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, dict)]


def _call(call: dict[str, Json], last: bool) -> CallPiece:
    index, id = call.get("index"), call.get("id")
    native = isinstance(call.get("custom"), dict)
    body = call.get("custom" if native else "function")
    name, arguments = _named(body if isinstance(body, dict) else call)
    return CallPiece(
        index if type(index) is int and index >= 0 else None,
        id if isinstance(id, str) else "",
        name,
        arguments,
        native,
        last,
    )


def _named(body: dict[str, Json]) -> tuple[str, str]:
    """Give a call's name and arguments; some servers send the arguments as an object."""
    name, arguments = body.get("name"), body.get("arguments")
    if arguments is None:
        arguments = body.get("input")
    if arguments is not None and not isinstance(arguments, str):
        arguments = json.encode(arguments).decode()
    return name if isinstance(name, str) else "", arguments or ""


def _flat(annotation: dict[str, Json]) -> JsonText:
    """Give an annotation in Responses' form, in which what Chat nests stands beside its type."""
    kind = annotation.get("type")
    inner = annotation.get(kind) if isinstance(kind, str) else None
    flat = {"type": kind, **inner} if isinstance(inner, dict) else annotation
    return json.encode(flat).decode()


def _logprobs(value: Json) -> JsonText | None:
    entries = value.get("content") if isinstance(value, dict) else None
    return json.encode(entries).decode() if isinstance(entries, list) and entries else None


def _usage(chunk: dict[str, Json], choice: dict[str, Json] | None) -> Usage | None:
    """Read usage where OpenAI has it, in the choice (Moonshot), or beside the chunk (Groq)."""
    beside = chunk.get("x_groq")
    for place in (
        chunk.get("usage"),
        choice.get("usage") if choice else None,
        beside.get("usage") if isinstance(beside, dict) else None,
    ):
        if isinstance(place, dict) and place:
            return _counted(place)
    return None


def _counted(usage: dict[str, Json]) -> Usage | None:
    given, made = _tokens(usage, "prompt_tokens"), _tokens(usage, "completion_tokens")
    if not given and not made:
        return None
    details, output = usage.get("prompt_tokens_details"), usage.get("completion_tokens_details")
    cached = (
        _tokens(details, "cached_tokens")
        or _tokens(usage, "prompt_cache_hit_tokens")
        or _tokens(usage, "cached_tokens")
    )
    return Usage(
        given,
        cached,
        _tokens(details, "cache_write_tokens"),
        made,
        _tokens(output, "reasoning_tokens") or _tokens(usage, "reasoning_tokens"),
    )


def _tokens(usage: Json, name: str) -> int:
    count = usage.get(name) if isinstance(usage, dict) else None
    return count if type(count) is int and count > 0 else 0
