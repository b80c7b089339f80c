"""The opaque state of a model in Chat's messages: members of messages and tool calls that are not OpenAI's.

A client receives the members that the server sent, in the same places, and sends them back in its history.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Final

from codexd.fronts.json_fields import Fields
from codexd.neutral.reply import Reply
from codexd.neutral.turn import Reasoning
from codexd.wire.json import Json
from codexd.wire.provider_state import ProviderState, decode_state, encode_state

_MESSAGE_FIELDS: Final = frozenset(
    (
        "role",
        "content",
        "refusal",
        "name",
        "annotations",
        "audio",
        "tool_calls",
        "function_call",
        "reasoning_content",
        "reasoning",
    )
)
_CALL_FIELDS: Final = frozenset(("id", "index", "type", "function", "custom"))
_READABLE: Final = ("text", "summary", "thinking")
"""The members that contain reasoning as text, in an entry of `reasoning_details` or `thinking_blocks`."""


def parse_state(message: Fields, calls: Iterable[tuple[str, Fields]]) -> Reasoning | None:
    """Parse the state in an assistant message of a history; None if there is none.

    Args:
        message: the message.
        calls: its tool calls by their ids.
    """
    found = ProviderState(
        _other_members(message, _MESSAGE_FIELDS), {id: _other_members(call, _CALL_FIELDS) for id, call in calls}
    )
    encoded = encode_state(found)
    return None if encoded is None else Reasoning(encrypted=encoded)


def _other_members(fields: Fields, known: frozenset[str]) -> dict[str, Json]:
    if fields.value.keys() <= known:
        return {}
    return {name: value for name, value in fields.value.items() if name not in known and value is not None}


def find_state(reply: Reply) -> ProviderState | None:
    """Return the state in a reply, if there is any."""
    encrypted = (item.encrypted for item in reply.items if isinstance(item, Reasoning))
    return next((state for one in encrypted if one is not None and (state := decode_state(one))), None)


def build_state_delta(
    state: ProviderState, numbers: Mapping[str, int], shown: Collection[str], show_reasoning: bool
) -> dict[str, Json]:
    """Build the delta that contains the state at the end of a stream.

    Args:
        state: the state.
        numbers: the positions of the calls by their ids.
        shown: the ids of the calls whose state the client has already received.
        show_reasoning: whether readable reasoning is shown.
    """
    calls = [
        {"index": number, **state.calls[id]} for id, number in numbers.items() if id in state.calls and id not in shown
    ]
    message = {name: _streamable(value) for name, value in build_message_state(state, show_reasoning).items()}
    return message | ({"tool_calls": calls} if calls else {})


def _streamable(value: Json) -> Json:
    """Return a value whose entries clients do not merge with each other.

    Clients merge entries of a streamed array by their `index`. If these are not the positions of the entries, as
    when entries of different types have the same, they are left out: the order contains the same information.
    """
    if not isinstance(value, list):
        return value
    indexes = [one.get("index") if isinstance(one, dict) else None for one in value]
    if indexes == [*range(len(value))]:
        return value
    return [
        {name: member for name, member in one.items() if name != "index"} if isinstance(one, dict) else one
        for one in value
    ]


def build_message_state(state: ProviderState, show_reasoning: bool) -> dict[str, Json]:
    """Build the members of a message; without readable reasoning if that is not shown."""
    if show_reasoning:
        return dict(state.message)
    shown = {name: _without_readable(value) for name, value in state.message.items()}
    return {name: value for name, value in shown.items() if value != []}


def _without_readable(value: Json) -> Json:
    if not isinstance(value, list):
        return value
    return [one for one in value if not (isinstance(one, dict) and any(one.get(name) for name in _READABLE))]
