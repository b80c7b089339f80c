"""Measures what codexd does with each parameter that the types of OpenAI's Python package define.

For every parameter a small request is built that sets it. It is decoded and prepared for both back ends; the
outcome is whether the parameter is used, listed as ignored, or refused.
"""

import re
import typing
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, Literal, NotRequired, Required, get_args, get_origin, get_type_hints

from attrs import frozen
from openai.types import completion_create_params, embedding_create_params
from openai.types.chat import completion_create_params as chat_params
from openai.types.conversations import conversation_create_params, conversation_update_params, item_create_params
from openai.types.responses import response_compact_params, response_create_params
from openai.types.responses.responses_client_event_param import ResponsesClientEventParam
from typing_extensions import is_typeddict

from codexd.backs.chat.capabilities import ServerCapabilities
from codexd.backs.chat.request import encode_request
from codexd.backs.chat.tool_names import ToolNames
from codexd.child.active_turn import list_unsupported
from codexd.fronts import chat, completions, conversations, embeddings, responses
from codexd.fronts.dialect import RequestOptions
from codexd.fronts.responses.compaction import encode_content
from codexd.fronts.responses.item_types import UNSUPPORTED
from codexd.neutral.fault import FaultError
from codexd.neutral.stored import LoadedHistory, StoredConversation, StoredItem
from codexd.neutral.turn import Compaction, Turn
from codexd.wire import json
from codexd.wire.json import Json

Effect = Literal["used", "ignored", "refused"]
Effects = tuple[Effect, Effect]
"""The effect over Codex and over an upstream."""

Shape = dict[str, Json]
Listed = tuple[tuple[str, ...], tuple[str, ...]]
"""The ignored parameters over Codex and over an upstream."""

_SOMEONE: Final = RequestOptions(principal="p")
_MESSAGE: Final = StoredItem("c1", json.encode({"type": "message", "role": "user", "id": "c1", "content": []}))
_LOADED: Final = LoadedHistory(history=(), items={"c1": _MESSAGE})

_VALUES: Final[dict[str, Json]] = {
    "allowed_domains": ["a.org"],
    "arguments": "{}",
    "call_id": "c1",
    "compact_threshold": 1000,
    "data": "AA==",
    "encrypted_content": encode_content(Compaction(summary="a")),
    "execution": "client",
    "file_data": "data:text/plain;base64,aGk=",
    "parameters": {},
    "schema": {},
    "file_id": "file-1",
    "file_url": "https://a.org/a",
    "id": "c1",
    "image_url": "https://a.org/a.png",
    "max_output_tokens": 16,
    "model": "m",
    "name": "f",
    "stream": True,
    "tool_call_id": "c1",
    "type": "compaction",
    "url": "https://a.org/a.png",
}
"""Values of parameters for which a value of the right type is not enough."""

_DATA: Final = "data:text/plain;base64,aGk="
_ALSO: Final[dict[str, Shape]] = {
    "FileFile": {"file_data": _DATA},
    "file": {"file": {"file_data": _DATA}},
    "input_file": {"file_data": _DATA},
    "input_image": {"image_url": "https://a.org/a.png"},
    "function_call_output": {"call_id": "c1"},
    "tool_search": {"execution": "client"},
    "tool_search_call": {"execution": "client", "call_id": "c1"},
    "tool_search_output": {"execution": "client", "call_id": "c1"},
}
"""Members that codexd requires and the types do not, by the type of an object or the name of its class."""

_CALL: Final = {"call_id": "c1", "name": "f"}
_BEFORE_ITEM: Final[dict[str, list[Json]]] = {
    "function_call_output": [{"type": "function_call", "arguments": "{}", **_CALL}],
    "custom_tool_call_output": [{"type": "custom_tool_call", "input": "", **_CALL}],
    "tool_search_output": [{"type": "tool_search_call", "execution": "client", "arguments": {}, **_CALL}],
}
_TOOL_CALL: Final = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
_BEFORE_MESSAGE: Final[dict[str, list[Json]]] = {
    "tool": [{"role": "assistant", "tool_calls": [_TOOL_CALL]}],
    "function": [{"role": "assistant", "function_call": {"name": "f", "arguments": "{}"}}],
}
_FUNCTION: Final = {"type": "function", "name": "f"}
_ANY_TOOLS: Final = (Iterable[dict[str, object]], typing.Iterable[typing.Dict[str, object]])  # noqa: UP006
"""The type of the tools of `allowed_tools`."""

_HOSTED: Final = re.compile(r"(?!function|custom|namespace|tool_search|web_search|allowed_tools|auto|none|required).+")


@frozen
class Parameter:
    """One parameter: its path, such as `input[] (message).phase`, and its effects."""

    path: str
    effects: Effects


@frozen(kw_only=True)
class SdkEndpoint:
    """The parameters of one endpoint.

    Attributes:
        name: its name in docs/parameters.md.
        types: the types of its parameters in the package.
        base: a valid body.
        list_ignored: decodes a body and returns what is listed as ignored; raises FaultError.
        in_query: `include` is a parameter of the URL, and not of the body.
    """

    name: str
    types: tuple[Any, ...]
    base: Shape
    list_ignored: Callable[[bytes], Listed]
    in_query: bool = False


def measure(endpoint: SdkEndpoint) -> dict[str, Parameter]:
    """Return every parameter of an endpoint by its path; what is in an ignored or refused one is left out."""
    found: dict[str, Parameter] = {}
    for root in endpoint.types:
        for kind in _dicts(root):
            for one in _explore(endpoint, kind, "", lambda body: body, ()):
                found.setdefault(one.path, one)
    return found


def _explore(
    endpoint: SdkEndpoint, kind: Any, path: str, wrap: Callable[[Shape], Shape], parents: tuple[Any, ...]
) -> Iterator[Parameter]:
    hints = get_type_hints(kind, include_extras=True)
    required = _sample_required(kind)
    for name, hint in hints.items():
        if name == "include" and endpoint.in_query:
            continue
        inner = f"{path}.{name}" if path else name
        effects = _effects(endpoint, inner, wrap({**required, name: _sample(name, hint)}))
        yield Parameter(inner, effects)
        if effects == ("used", "used") or (name in ("input", "items", "messages", "tools", "tool_choice")):
            for variant in _dicts(hint):
                if variant not in parents:
                    yield from _explore_variant(endpoint, variant, name, hint, inner, required, wrap, (*parents, kind))


def _explore_variant(
    endpoint: SdkEndpoint,
    variant: Any,
    name: str,
    hint: Any,
    path: str,
    required: Shape,
    wrap: Callable[[Shape], Shape],
    parents: tuple[Any, ...],
) -> Iterator[Parameter]:
    is_list = _is_in_list(hint, variant)
    label = _label(variant)
    inner = path + ("[]" if is_list else "") + (f" ({label})" if label else "")

    def wrap_variant(body: Shape) -> Shape:
        return wrap({**required, name: _place(name, body) if is_list else body})

    if _is_whole(name, label):
        body = {"type": label} | _sample_required(variant)
        yield Parameter(inner, _effects(endpoint, inner, wrap_variant(body)))
    else:
        yield from _explore(endpoint, variant, inner, wrap_variant, parents)


def _place(name: str, body: Shape) -> list[Json]:
    """Return an array with one element, after what it refers to."""
    if name in ("input", "items"):
        return [*_BEFORE_ITEM.get(str(body.get("type")), ()), body]
    return [*_BEFORE_MESSAGE.get(str(body.get("role")), ()), body] if name == "messages" else [body]


def _is_whole(name: str, label: str) -> bool:
    """Return whether objects of this kind are ignored as a whole: hosted tools, items without support."""
    if name in ("input", "items"):
        return label in UNSUPPORTED or (name == "items" and label == "compaction_trigger")
    return name in ("tools", "tool_choice") and bool(_HOSTED.fullmatch(label))


def _effects(endpoint: SdkEndpoint, path: str, body: Shape) -> Effects:
    try:
        listed = endpoint.list_ignored(json.encode(_complete(endpoint.base | body)))
    except FaultError:
        return "refused", "refused"
    plain = re.sub(r" \([^)]*\)", "", path)
    codex, upstream = ("ignored" if _is_listed(plain, names) else "used" for names in listed)
    return codex, upstream  # type: ignore[return-value]


def _complete(body: Shape) -> Shape:
    """Add what a parameter needs besides: a stream for its options, a tool for its choice."""
    if "stream_options" in body:
        body = body | {"stream": True}
    return body | {"tools": [_FUNCTION]} if "tool_choice" in body and not body.get("tools") else body


_SHORT_NAMES: Final = (
    (re.compile(r"(text\.format|response_format\.json_schema)\.(name|description|strict)"), r"format.\2"),
    (re.compile(r"(input\[\]\.)?tools\[\](\.tools\[\])?(\.function)?\.strict"), "tools[].strict"),
)
"""The names that a back end lists, which knows no dialect."""


def _is_listed(path: str, names: tuple[str, ...]) -> bool:
    paths = {path}
    for pattern, short in _SHORT_NAMES:
        if pattern.fullmatch(path):
            paths.add(pattern.sub(short, path))
    plain = {re.sub(r" \(.*\)", "", re.sub(r"\[\d+\]", "[]", name)) for name in names}
    return bool(paths & plain)


def _sample(name: str, hint: Any) -> Json:
    """Return a value of a type, the simplest one."""
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Required, NotRequired):
        return _sample(name, args[0])
    if origin is Literal:
        return _VALUES[name] if _VALUES.get(name) in args else args[0]
    if is_typeddict(hint):
        return _sample_required(hint)
    plain = {str: "x", int: 1, float: 0.5, bool: True}.get(hint)
    if name == "strict":
        return True
    if plain is not None:
        return _VALUES.get(name, plain)
    if origin is dict or getattr(origin, "__name__", "") == "Mapping":
        return {"a": 1} if args and args[1] is int else {"a": "b"}
    if isinstance(origin, type) and args and origin is not type(None) and not _is_union(hint):
        return [_FUNCTION] if hint in _ANY_TOOLS else _VALUES.get(name, [_sample(name, args[0])])
    return _sample_union(name, [one for one in args if one is not type(None)])


def _sample_required(kind: Any) -> Shape:
    """Return values of the required members of an object, and of those that codexd requires."""
    hints = get_type_hints(kind, include_extras=True)
    sample = {name: _sample(name, hints[name]) for name in _required_names(kind)}
    return sample | _ALSO.get(_label(kind) or kind.__name__, {})


def _required_names(kind: Any) -> list[str]:
    """Return the required members; the annotations of the package are texts, so `__required_keys__` is empty."""
    parents = [one for one in getattr(kind, "__orig_bases__", ()) if is_typeddict(one)]
    names = [name for parent in parents for name in _required_names(parent)]
    inherited = {name for parent in parents for name in get_type_hints(parent)}
    for name, hint in get_type_hints(kind, include_extras=True).items():
        is_required = get_origin(hint) is Required or (kind.__total__ and get_origin(hint) is not NotRequired)
        if name not in inherited and is_required:
            names.append(name)
    return names


def _is_union(hint: Any) -> bool:
    return str(get_origin(hint)) in ("typing.Union", "<class 'types.UnionType'>")


def _sample_union(name: str, options: list[Any]) -> Json:
    if not options:
        return _VALUES.get(name, "x")
    texts = [one for one in options if one is str or get_origin(one) is Literal]
    return _sample(name, (texts or options)[0])


def _dicts(hint: Any) -> Iterator[Any]:
    """Yield the object types that a type contains, without those in objects."""
    origin = get_origin(hint)
    if is_typeddict(hint):
        yield hint
    elif origin is not Literal and origin is not dict and getattr(origin, "__name__", "") != "Mapping":
        for one in get_args(hint):
            yield from _dicts(one)


def _is_in_list(hint: Any, variant: Any) -> bool:
    """Return whether a type has these objects in an array."""
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Required, NotRequired) or _is_union(hint):
        return any(_is_in_list(one, variant) for one in args)
    return origin is not None and origin is not Literal and variant in list(_dicts(hint))


def _label(variant: Any) -> str:
    """Return the type of an object, or the role of a message: what clients distinguish its kinds by."""
    hints = get_type_hints(variant, include_extras=True)
    for name in ("type", "role"):
        values = [one for one in _literals(hints.get(name)) if isinstance(one, str)]
        if values and (name == "type" or len(values) == 1):
            return values[0]
    return ""


def _literals(hint: Any) -> Iterator[Any]:
    if get_origin(hint) is Literal:
        yield from get_args(hint)
    else:
        for one in get_args(hint):
            yield from _literals(one)


# The endpoints.


def _of_turn(turn: Turn) -> Listed:
    return list_unsupported(turn), encode_request(turn, ToolNames(turn.tools), _CAPABLE).ignored


def _chat(body: bytes) -> Listed:
    return _of_turn(chat.decode(body, _SOMEONE).turn)


def _responses(body: bytes) -> Listed:
    return _of_turn(responses.decode_pending(body, _SOMEONE).complete(_LOADED).turn)


def _compact(body: bytes) -> Listed:
    return _of_turn(responses.decode_compact_request(body, _SOMEONE).complete(_LOADED).turn)


def _completions(body: bytes) -> Listed:
    return _of_turn(completions.decode(body, _SOMEONE).turn)


def _new_conversation(body: bytes) -> Listed:
    ignored = conversations.decode_new_conversation(body, _SOMEONE, "5eed", 0)[1].ignored
    return ignored, ignored


def _new_items(body: bytes) -> Listed:
    ignored = conversations.decode_new_items(body, _SOMEONE, "5eed", ()).ignored
    return ignored, ignored


def _update(body: bytes) -> Listed:
    conversations.decode_update(body, StoredConversation("conv_1", "p", 0, b"{}"))
    return (), ()


def _embeddings(body: bytes) -> Listed:
    """All parameters are forwarded to an upstream; Codex has no embeddings."""
    embeddings.decode(body)
    return (), ()


_CAPABLE: Final = ServerCapabilities(audio=True, files=True, custom_tools=True, reasoning="reasoning_content")
_TURN: Final = {"model": "m"}
ENDPOINTS: Final = (
    SdkEndpoint(
        name="Chat Completions",
        types=(chat_params.CompletionCreateParams,),
        base=_TURN | {"messages": [{"role": "user", "content": "hi"}]},
        list_ignored=_chat,
    ),
    SdkEndpoint(
        name="Responses",
        types=(response_create_params.ResponseCreateParams, ResponsesClientEventParam),
        base=_TURN | {"input": "hi"},
        list_ignored=_responses,
    ),
    SdkEndpoint(
        name="Compaction",
        types=(response_compact_params.ResponseCompactParams,),
        base=_TURN | {"input": "hi"},
        list_ignored=_compact,
    ),
    SdkEndpoint(
        name="Legacy Completions",
        types=(completion_create_params.CompletionCreateParams,),
        base=_TURN | {"prompt": "hi"},
        list_ignored=_completions,
    ),
    SdkEndpoint(
        name="Conversations",
        types=(conversation_create_params.ConversationCreateParams,),
        base={},
        list_ignored=_new_conversation,
    ),
    SdkEndpoint(
        name="Items of a conversation",
        types=(item_create_params.ItemCreateParams,),
        base={},
        list_ignored=_new_items,
        in_query=True,
    ),
    SdkEndpoint(
        name="Update of a conversation",
        types=(conversation_update_params.ConversationUpdateParams,),
        base={},
        list_ignored=_update,
    ),
    SdkEndpoint(
        name="Embeddings",
        types=(embedding_create_params.EmbeddingCreateParams,),
        base=_TURN | {"input": "hi"},
        list_ignored=_embeddings,
    ),
)
