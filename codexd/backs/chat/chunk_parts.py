"""Parses one chunk of a stream, or a whole completion, to its parts, in any server's spelling.

Servers differ: reasoning has four names, content may be an array, usage may be in three places, a server that
does not stream sends the whole message. The parser is lenient: unknown members are ignored. Only data that is
not JSON, or an error object, is a failure.
"""

from collections.abc import Callable
from typing import Final

from codexd.backs.chat.failures import MALFORMED, translate_error
from codexd.neutral.event import Usage
from codexd.neutral.fault import Fault
from codexd.neutral.records import frozen
from codexd.neutral.turn import JsonText
from codexd.wire import json
from codexd.wire.json import Json


@frozen
class ChunkText:
    """Text; `complete` if it repeats the text before it."""

    text: str
    logprobs: JsonText | None = None
    complete: bool = False


@frozen
class ChunkReasoning:
    """Reasoning text; `complete` if it repeats the reasoning before it."""

    text: str
    complete: bool = False


@frozen
class ChunkRefusal:
    """Refusal text; `complete` if it repeats the refusal before it."""

    text: str
    complete: bool = False


@frozen
class ChunkAnnotation:
    """An annotation in the form of OpenAI's Responses."""

    annotation: JsonText


@frozen(kw_only=True)
class ChunkToolCall:
    """A fragment of one tool call.

    Attributes:
        index: the server's number of the call; None if it sends none.
        is_custom: it is the call of a custom tool.
        is_final: the message ends with this chunk, so the fragment may repeat a whole call.
    """

    index: int | None = None
    id: str = ""
    name: str = ""
    arguments: str = ""
    is_custom: bool = False
    is_final: bool = False


@frozen
class ChunkFinish:
    """The finish reason of the message."""

    reason: str


@frozen
class ChunkUsage:
    """The usage of the response so far."""

    usage: Usage


@frozen
class ChunkError:
    """The response failed."""

    fault: Fault


ChunkPart = (
    ChunkText | ChunkReasoning | ChunkRefusal | ChunkAnnotation | ChunkToolCall | ChunkFinish | ChunkUsage | ChunkError
)

FUNCTION_CALL_INDEX: Final = -1
"""The index of the one call in the deprecated `function_call`."""

_TEXT_FIELDS: Final = ("text", "content", "thinking", "reasoning", "refusal", "summary")
_REASONING_FIELDS: Final = ("reasoning_content", "reasoning", "reasoning_text", "thinking")


def parse_chunk(data: bytes) -> list[ChunkPart]:
    """Parse a chunk, or a whole completion."""
    try:
        chunk = json.decode(data)
        return _parse(chunk) if isinstance(chunk, dict) else []
    except json.JsonError:  # Raised also for values that are nested too deep to be encoded again.
        return [ChunkError(MALFORMED)]


def _parse(chunk: dict[str, Json]) -> list[ChunkPart]:
    if chunk.get("error") or chunk.get("object") == "error":
        return [ChunkError(translate_error(chunk))]
    choice = _first_choice(chunk.get("choices"))
    parts = [] if choice is None else _parse_choice(choice)
    usage = _find_usage(chunk, choice)
    return parts if usage is None else [*parts, ChunkUsage(usage)]


def _first_choice(choices: Json) -> dict[str, Json] | None:
    """Return the first choice; codexd requests only one."""
    if not isinstance(choices, list):
        return None
    for choice in choices:
        if isinstance(choice, dict) and choice.get("index") in (0, None):
            return choice
    return None


def _parse_choice(choice: dict[str, Json]) -> list[ChunkPart]:
    if choice.get("error"):
        return [ChunkError(translate_error(choice["error"]))]
    delta, complete = choice.get("delta"), False
    if not isinstance(delta, dict) or not delta:
        delta, complete = choice.get("message"), True
    reason = choice.get("finish_reason")
    parts: list[ChunkPart] = []
    if isinstance(delta, dict):
        is_final = bool(reason) or complete
        parts = _parse_delta(delta, _encode_logprobs(choice.get("logprobs")), complete, is_final)
    if isinstance(reason, str) and reason:
        parts.append(ChunkFinish(reason))
    return parts


def _parse_delta(delta: dict[str, Json], logprobs: JsonText | None, complete: bool, is_final: bool) -> list[ChunkPart]:
    parts: list[ChunkPart] = []
    reasoning = None
    for name in _REASONING_FIELDS:
        reasoning = reasoning or delta.get(name)
    if reasoning:
        parts += [ChunkReasoning(text, complete) for text in _find_texts(reasoning)]
    content = delta.get("content")
    # llama.cpp sends log probabilities of reasoning and calls, too: they do not belong to the text.
    not_text = reasoning or delta.get("tool_calls") or delta.get("function_call")
    if content or (logprobs is not None and not not_text):
        parts += _parse_content(content, logprobs, complete)
    if refusal := delta.get("refusal"):
        parts += [ChunkRefusal(text, complete) for text in _find_texts(refusal)]
    if annotations := delta.get("annotations"):
        parts += [ChunkAnnotation(_flatten_annotation(one)) for one in _objects(annotations)]
    if calls := delta.get("tool_calls"):
        parts += [_parse_call(call, is_final) for call in _objects(calls)]
    function_call = delta.get("function_call")
    # llama-cpp-python sends the one call in both forms.
    if isinstance(function_call, dict) and function_call and not calls:
        name, arguments = _name_and_arguments(function_call)
        parts.append(ChunkToolCall(index=FUNCTION_CALL_INDEX, name=name, arguments=arguments, is_final=is_final))
    return parts


def _parse_content(content: Json, logprobs: JsonText | None, complete: bool) -> list[ChunkPart]:
    if isinstance(content, str) or not content:
        return [ChunkText(content or "", logprobs, complete)]
    parts: list[ChunkPart] = []
    for part in content if isinstance(content, list) else [content]:
        kind = _CONTENT_KINDS.get(str(part.get("type")), ChunkText) if isinstance(part, dict) else ChunkText
        parts += [kind(text, complete=complete) for text in _find_texts(part)]
    return parts if logprobs is None else [*parts, ChunkText("", logprobs)]


_CONTENT_KINDS: Final[dict[str, Callable[..., ChunkText | ChunkReasoning | ChunkRefusal]]] = {
    "refusal": ChunkRefusal,
    "reasoning": ChunkReasoning,
    "thinking": ChunkReasoning,
}


def _find_texts(value: Json, depth: int = 4) -> list[str]:
    """Return the texts in a string, a part or an array of them."""
    if isinstance(value, str):
        return [value] if value else []
    if not depth:
        return []
    if isinstance(value, list):
        return [text for one in value for text in _find_texts(one, depth - 1)]
    if not isinstance(value, dict):
        return []
    members = (value.get(name) for name in _TEXT_FIELDS)
    return next((texts for one in members if one and (texts := _find_texts(one, depth - 1))), [])


def _objects(value: Json) -> list[dict[str, Json]]:
    return [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, dict)]


def _parse_call(call: dict[str, Json], is_final: bool) -> ChunkToolCall:
    index, id = call.get("index"), call.get("id")
    is_custom = isinstance(call.get("custom"), dict)
    body = call.get("custom" if is_custom else "function")
    name, arguments = _name_and_arguments(body if isinstance(body, dict) else call)
    return ChunkToolCall(
        index=index if type(index) is int and index >= 0 else None,
        id=id if isinstance(id, str) else "",
        name=name,
        arguments=arguments,
        is_custom=is_custom,
        is_final=is_final,
    )


def _name_and_arguments(body: dict[str, Json]) -> tuple[str, str]:
    """Return a call's name and arguments; some servers send the arguments as an object."""
    name, arguments = body.get("name"), body.get("arguments")
    if arguments is None:
        arguments = body.get("input")
    if arguments is not None and not isinstance(arguments, str):
        arguments = json.encode(arguments).decode()
    return name if isinstance(name, str) else "", arguments or ""


def _flatten_annotation(annotation: dict[str, Json]) -> JsonText:
    """Return an annotation in the form of Responses, which has beside the type what Chat nests under it."""
    kind = annotation.get("type")
    inner = annotation.get(kind) if isinstance(kind, str) else None
    flat = {"type": kind, **inner} if isinstance(inner, dict) else annotation
    return json.encode(flat).decode()


def _encode_logprobs(value: Json) -> JsonText | None:
    entries = value.get("content") if isinstance(value, dict) else None
    return json.encode(entries).decode() if isinstance(entries, list) and entries else None


def _find_usage(chunk: dict[str, Json], choice: dict[str, Json] | None) -> Usage | None:
    """Return the usage in OpenAI's place, in the choice (Moonshot) or in `x_groq` (Groq)."""
    groq = chunk.get("x_groq")
    for usage in (
        chunk.get("usage"),
        choice.get("usage") if choice else None,
        groq.get("usage") if isinstance(groq, dict) else None,
    ):
        if isinstance(usage, dict) and usage:
            return _parse_usage(usage)
    return None


def _parse_usage(usage: dict[str, Json]) -> Usage | None:
    prompt, completion = _token_count(usage, "prompt_tokens"), _token_count(usage, "completion_tokens")
    if not prompt and not completion:
        return None
    prompt_details = usage.get("prompt_tokens_details")
    completion_details = usage.get("completion_tokens_details")
    return Usage(
        input_tokens=prompt,
        cached_tokens=(
            _token_count(prompt_details, "cached_tokens")
            or _token_count(usage, "prompt_cache_hit_tokens")
            or _token_count(usage, "cached_tokens")
        ),
        cache_write_tokens=_token_count(prompt_details, "cache_write_tokens"),
        output_tokens=completion,
        reasoning_tokens=(
            _token_count(completion_details, "reasoning_tokens") or _token_count(usage, "reasoning_tokens")
        ),
    )


def _token_count(usage: Json, name: str) -> int:
    count = usage.get(name) if isinstance(usage, dict) else None
    return count if type(count) is int and count > 0 else 0
