"""Parses one chunk of a stream, or a whole completion, to its parts, in any server's spelling.

Servers differ: reasoning has four names, content may be an array, usage may be in three places, one response
may be spread over several choices, a server that does not stream sends the whole message. The parser is
lenient: unknown members are ignored. Only data that is not JSON, or an error object, is a failure.
"""

from collections.abc import Callable
from typing import Any, Final

from attrs import evolve

from codexd.backs.chat.failures import MALFORMED, TOO_LARGE, translate_error
from codexd.backs.chat.finish_reasons import is_reason
from codexd.backs.provider_errors import find_error
from codexd.neutral.event import Usage
from codexd.neutral.fault import Fault
from codexd.neutral.records import frozen
from codexd.neutral.turn import JsonText
from codexd.wire import json, json_size
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
        choice: the number of the choice it is in, in which the index counts.
        is_custom: it is the call of a custom tool.
        is_final: the message ends with this chunk, so the fragment may repeat a whole call.
        state: its members that are not OpenAI's.
    """

    index: int | None = None
    choice: int = 0
    id: str = ""
    name: str = ""
    arguments: str = ""
    is_custom: bool = False
    is_final: bool = False
    state: dict[str, Json] | None = None


@frozen
class ChunkState:
    """The members of a message that are not OpenAI's; `complete` if they repeat those before them."""

    members: dict[str, Json]
    complete: bool = False


@frozen
class ChunkFinish:
    """The finish reason of the message, and the provider's own (OpenRouter), which may be empty."""

    reason: str
    native: str = ""


@frozen
class ChunkCitations:
    """The sources of the response so far, as pairs of URL and title (Perplexity, xAI)."""

    sources: tuple[tuple[str, str], ...]


@frozen
class ChunkUnsupported:
    """Output of a kind that codexd does not pass on, such as `images`."""

    kind: str


@frozen
class ChunkDamaged:
    """The texts of the parts after this one may have lone surrogates."""


@frozen
class ChunkUsage:
    """The usage of the response so far."""

    usage: Usage


@frozen
class ChunkError:
    """The response failed."""

    fault: Fault


ChunkPart = (
    ChunkText
    | ChunkReasoning
    | ChunkRefusal
    | ChunkAnnotation
    | ChunkCitations
    | ChunkToolCall
    | ChunkState
    | ChunkUnsupported
    | ChunkFinish
    | ChunkUsage
    | ChunkError
    | ChunkDamaged
)

FUNCTION_CALL_INDEX: Final = -1
"""The index of the one call in the deprecated `function_call`."""

MAX_VALUES: Final = 250_000
"""How many JSON values a chunk may have; most of those of a whole completion are log probabilities."""

MAX_PARTS: Final = 5000
"""How many parts a chunk may have."""

_SMALL_BYTES: Final = 2**16

_TEXT_FIELDS: Final = ("text", "content", "thinking", "reasoning", "refusal", "summary")
_REASONING_FIELDS: Final = ("reasoning_content", "reasoning", "reasoning_text", "thinking")
_MESSAGE_FIELDS: Final = frozenset(
    (
        "role",
        "content",
        "refusal",
        "annotations",
        "tool_calls",
        "function_call",
        "images",
        "audio",
        *_REASONING_FIELDS,
    )
)
_CALL_FIELDS: Final = frozenset(("index", "id", "type", "function", "custom", "name", "arguments", "input"))


def parse_chunk(data: bytes) -> list[ChunkPart]:
    """Parse a chunk, or a whole completion; one with too many values or parts is an error."""
    if len(data) > _SMALL_BYTES and json_size.has_more_values(data, MAX_VALUES):
        return [ChunkError(TOO_LARGE)]
    try:
        return _parse_any(data)
    except _TooManyPartsError:
        return [ChunkError(TOO_LARGE)]


class _TooManyPartsError(Exception):
    """A chunk has more parts than MAX_PARTS."""


def _check_count(parts: list[Any]) -> None:
    if len(parts) > MAX_PARTS:
        raise _TooManyPartsError


def _parse_any(data: bytes) -> list[ChunkPart]:
    try:
        chunk = json.decode(data)
        return _parse(chunk) if type(chunk) is dict else _parse_value(chunk)
    except json.JsonError:  # Raised also for values that are nested too deep to be encoded again.
        return _parse_damaged(data)
    except RecursionError:
        return [ChunkError(MALFORMED)]


def is_chunk(data: bytes) -> bool:
    """Return whether this is one whole JSON text, whose strings may have damaged characters."""
    if json.is_valid(data):
        return True
    try:
        json.decode_damaged(data)
    except json.JsonError:
        return False
    return True


def _parse_damaged(data: bytes) -> list[ChunkPart]:
    """Parse a chunk with lone surrogates or invalid UTF-8."""
    try:
        value = json.decode_damaged(data)
        try:
            parts = _parse_value(value)
        except json.JsonError:  # An annotation, or arguments that are an object: no stream splits them.
            parts = _parse_value(json.replace_surrogates(value))
    except (json.JsonError, RecursionError):
        return [ChunkError(MALFORMED)]
    return [ChunkDamaged(), *parts]


def _parse_value(chunk: Json) -> list[ChunkPart]:
    if isinstance(chunk, list) and len(chunk) == 1:  # Gemini sends its errors in an array.
        chunk = chunk[0]
    return _parse(chunk) if isinstance(chunk, dict) else []


def _parse(chunk: dict[str, Json]) -> list[ChunkPart]:
    choices = _objects(chunk.get("choices"))
    if not choices or chunk.get("error") or chunk.get("object") == "error":
        error = find_error(chunk, bool(choices))
        if error is not None:
            return [ChunkError(translate_error(error))]
    # codexd requests one choice, so that several are parts of it: some servers count the index up with each
    # chunk, or put text and calls of one response into different choices.
    parts: list[ChunkPart] = []
    for choice in choices:
        parts += _parse_choice(choice)
        _check_count(parts)
    if len(choices) > 1:
        parts = _join_complete(parts)
    if "citations" in chunk or "search_results" in chunk:
        parts += _parse_citations(chunk.get("citations"), chunk.get("search_results"))
    usage = _find_usage(chunk, choices)
    return parts if usage is None else [*parts, ChunkUsage(usage)]


def _join_complete(parts: list[ChunkPart]) -> list[ChunkPart]:
    """Join the texts and states of several complete messages: only together they can repeat those before them."""
    groups: dict[type, list[Any]] = {}
    for part in parts:
        if isinstance(part, _JOINED) and part.complete:
            groups.setdefault(type(part), []).append(part)
    joined: list[ChunkPart] = []
    for part in parts:
        if not (isinstance(part, _JOINED) and part.complete):
            joined.append(part)
        elif group := groups.pop(type(part), None):  # at the place of the first of them
            joined.append(_join(group))
    return joined


_JOINED: Final = (ChunkText, ChunkReasoning, ChunkRefusal, ChunkState)


def _join(group: list[Any]) -> ChunkPart:
    first: ChunkPart = group[0]
    if isinstance(first, ChunkState):
        return evolve(first, members=_join_members([part.members for part in group]))
    assert isinstance(first, ChunkText | ChunkReasoning | ChunkRefusal)
    return evolve(first, text="".join(part.text for part in group))


def _join_members(states: list[dict[str, Json]]) -> dict[str, Json]:
    """Join states: different arrays are concatenated; of other values, the later counts."""
    joined: dict[str, Json] = {}
    last: dict[str, Json] = {}
    for state in states:
        for name, value in state.items():
            before = joined.get(name)
            if not isinstance(before, list) or not isinstance(value, list):
                joined[name] = [*value] if isinstance(value, list) else value
            elif value not in (last[name], before):
                before += value
            last[name] = value
    return joined


def _parse_choice(choice: dict[str, Json]) -> list[ChunkPart]:
    if choice.get("error"):
        return [ChunkError(translate_error(choice["error"]))]
    delta, complete = choice.get("delta"), False
    if not isinstance(delta, dict) or not delta:
        delta, complete = choice.get("message"), True
    if not isinstance(delta, dict) and isinstance(choice.get("text"), str):  # the form of legacy completions
        delta, complete = {"content": choice["text"]}, False
    reason = choice.get("finish_reason")
    if reason is not None:
        reason = _read_reason(reason)
    parts: list[ChunkPart] = []
    if isinstance(delta, dict):
        index, is_final = choice.get("index"), bool(reason) or complete
        place = (index if type(index) is int else 0, complete, is_final)
        parts = _parse_delta(delta, _encode_logprobs(choice.get("logprobs")), place)
    if reason:
        native = choice.get("native_finish_reason")
        parts.append(ChunkFinish(reason, native if isinstance(native, str) else ""))
    return parts


def _read_reason(value: Json) -> str:
    """Read a finish reason: a text, or SGLang's object with its type; empty if the response continues."""
    word = value.get("type") if isinstance(value, dict) else value
    text = word if isinstance(word, str) else json.encode(value).decode()
    return text if is_reason(text) else ""


_Place = tuple[int, bool, bool]
"""Where a delta is: the number of its choice, whether it is a whole message, whether it is the last."""


def _parse_delta(delta: dict[str, Json], logprobs: JsonText | None, place: _Place) -> list[ChunkPart]:
    parts: list[ChunkPart] = []
    _, complete, is_final = place
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
        parts += [_parse_call(call, place) for call in _objects(calls)]
    function_call = delta.get("function_call")
    # llama-cpp-python sends the one call in both forms.
    if isinstance(function_call, dict) and function_call and not calls:
        name, arguments = _name_and_arguments(function_call)
        parts.append(ChunkToolCall(index=FUNCTION_CALL_INDEX, name=name, arguments=arguments, is_final=is_final))
    if "images" in delta or "audio" in delta:
        parts += [ChunkUnsupported(kind) for kind in ("images", "audio") if delta.get(kind)]
    if not delta.keys() <= _MESSAGE_FIELDS and (state := _other_members(delta, _MESSAGE_FIELDS)):
        parts.append(ChunkState(state, complete))
    return parts


def _other_members(value: dict[str, Json], known: frozenset[str]) -> dict[str, Json]:
    return {name: member for name, member in value.items() if name not in known and member}


def _parse_content(content: Json, logprobs: JsonText | None, complete: bool) -> list[ChunkPart]:
    if isinstance(content, str) or not content:
        return [ChunkText(content or "", logprobs, complete)]
    parts: list[ChunkPart] = []
    if isinstance(content, list):
        _check_count(content)
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
    if isinstance(value, list):
        _check_count(value)
    return [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, dict)]


_NO_IDS: Final = ("null", "None")
"""Texts in the place of a missing id (Mistral)."""


def _parse_call(call: dict[str, Json], place: _Place) -> ChunkToolCall:
    choice, _, is_final = place
    index, id = call.get("index"), call.get("id")
    is_custom = isinstance(call.get("custom"), dict)
    body = call.get("custom" if is_custom else "function")
    name, arguments = _name_and_arguments(body if isinstance(body, dict) else call)
    return ChunkToolCall(
        index=index if type(index) is int and index >= 0 else None,
        choice=choice,
        id=id.strip() if isinstance(id, str) and id not in _NO_IDS else "",
        name=name,
        arguments=arguments,
        is_custom=is_custom,
        is_final=is_final,
        state=None if call.keys() <= _CALL_FIELDS else _other_members(call, _CALL_FIELDS),
    )


def _name_and_arguments(body: dict[str, Json]) -> tuple[str, str]:
    """Return a call's name and arguments; some servers send the arguments as an object."""
    name, arguments = body.get("name"), body.get("arguments")
    if arguments is None:
        arguments = body.get("input")
    if arguments is not None and not isinstance(arguments, str):
        arguments = json.encode(arguments).decode()
    return name if isinstance(name, str) and not name.isspace() else "", arguments or ""


def _flatten_annotation(annotation: dict[str, Json]) -> JsonText:
    """Return an annotation in the form of Responses, which has beside the type what Chat nests under it."""
    kind = annotation.get("type")
    inner = annotation.get(kind) if isinstance(kind, str) else None
    flat = {"type": kind, **inner} if isinstance(inner, dict) else annotation
    return json.encode(flat).decode()


def _encode_logprobs(value: Json) -> JsonText | None:
    entries = value.get("content") if isinstance(value, dict) else None
    return json.encode(entries).decode() if isinstance(entries, list) and entries else None


def _parse_citations(citations: Json, results: Json) -> list[ChunkPart]:
    """Parse sources: URLs, or objects with a URL and a title; the search results have the titles of the URLs."""
    listed = citations or results or []
    titles = {result["url"]: result.get("title") for result in _objects(results) if isinstance(result.get("url"), str)}
    sources = []
    for one in listed if isinstance(listed, list) else [listed]:
        found = one if isinstance(one, dict) else {"url": one}
        url = found.get("url")
        if isinstance(url, str) and url:
            title = found.get("title") or titles.get(url)
            sources.append((url, title if isinstance(title, str) else ""))
    return [ChunkCitations(tuple(sources))] if sources else []


def _find_usage(chunk: dict[str, Json], choices: list[dict[str, Json]]) -> Usage | None:
    """Return the usage in OpenAI's place, in a choice (Moonshot) or in `x_groq` (Groq)."""
    usage = chunk.get("usage")
    if not usage:
        for choice in choices:
            usage = usage or choice.get("usage")
        groq = chunk.get("x_groq")
        usage = groq.get("usage") if isinstance(groq, dict) and not usage else usage
    return _parse_usage(usage) if usage and isinstance(usage, dict) else None


def _parse_usage(usage: dict[str, Json]) -> Usage | None:
    prompt = _token_count(usage, "prompt_tokens") or _token_count(usage, "input_tokens")
    completion = _token_count(usage, "completion_tokens") or _token_count(usage, "output_tokens")
    if not prompt and not completion:
        return None
    prompt_details = usage.get("prompt_tokens_details") or usage.get("input_tokens_details")
    completion_details = usage.get("completion_tokens_details") or usage.get("output_tokens_details")
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


def merge_usage(earlier: Usage | None, usage: Usage) -> Usage:
    """Return a response's usage after another report of it, which may lack the details of an earlier one."""
    if earlier is None:
        return usage
    prompt, completion = usage.input_tokens or earlier.input_tokens, usage.output_tokens or earlier.output_tokens
    return Usage(
        input_tokens=prompt,
        cached_tokens=usage.cached_tokens or min(earlier.cached_tokens, prompt),
        cache_write_tokens=usage.cache_write_tokens or min(earlier.cache_write_tokens, prompt),
        output_tokens=completion,
        reasoning_tokens=usage.reasoning_tokens or min(earlier.reasoning_tokens, completion),
    )


def _token_count(usage: Json, name: str) -> int:
    count = usage.get(name) if isinstance(usage, dict) else None
    return count if type(count) is int and count > 0 else 0
