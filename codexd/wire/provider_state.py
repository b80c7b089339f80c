"""Encodes the opaque state of a model as the `encrypted_content` of a reasoning item.

Some servers return state that the next request must contain unchanged: thought signatures of tool calls (Gemini),
`reasoning_details` (OpenRouter). In Chat it is in members of messages and calls. A reasoning item after the output
contains all of it, so that every dialect, the store and the history of a client keep it with the response.
"""

import re
from collections.abc import Collection, Mapping
from itertools import islice
from typing import Final

from codexd.neutral.records import frozen
from codexd.wire import json
from codexd.wire.json import Json

_PREFIX: Final = "codexd-state:"

MAX_BYTES: Final = 2**20
"""The largest state of one response, encoded."""

_MAX_DEPTH: Final = 64
_MAX_LISTED: Final = 32
_PLAIN: Final = re.compile(r"(tool_calls\[\]\.)?[A-Za-z0-9_]{1,64}")


@frozen
class ProviderState:
    """The state of one assistant message: other members of the message, and of its calls by call id."""

    message: Mapping[str, Json]
    calls: Mapping[str, Mapping[str, Json]]


def is_state(encrypted: str | None) -> bool:
    """Return whether the encrypted content of a reasoning item is a state that codexd encoded."""
    return encrypted is not None and encrypted.startswith(_PREFIX)


def list_members(state: ProviderState, kept: Collection[str] = ()) -> tuple[str, ...]:
    """Return the names of the members that are not kept, such as `tool_calls[].extra_content`; plain names only."""
    of_calls = (name for members in state.calls.values() for name in members)
    names = (*state.message, *(f"tool_calls[].{name}" for name in of_calls))
    lost = (one for one in dict.fromkeys(names) if one.removeprefix("tool_calls[].") not in kept)
    return tuple(islice(filter(_PLAIN.fullmatch, lost), _MAX_LISTED))


def _encode(members: dict[str, Json]) -> bytes:
    try:
        return json.encode(members)
    except json.JsonError:  # A server cut a character in half; the fragments are joined by now.
        return json.encode(json.replace_surrogates(members))


def encode_members(members: Mapping[str, Json]) -> str | None:
    """Encode the state of one call as JSON; None if it is empty, too large, or nested too deep."""
    if not members or json.nests_deeper(dict(members), _MAX_DEPTH):
        return None
    text = _encode(dict(members))
    return text.decode() if len(text) <= MAX_BYTES else None


def encode_state(state: ProviderState) -> str | None:
    """Encode a state; None if it is empty, too large, or nested too deep."""
    members = {"message": dict(state.message), "calls": {id: dict(one) for id, one in state.calls.items() if one}}
    if not any(members.values()) or json.nests_deeper(members, _MAX_DEPTH):
        return None
    text = _encode(members)
    return _PREFIX + text.decode() if len(text) <= MAX_BYTES else None


def decode_state(encrypted: str) -> ProviderState | None:
    """Decode a state; None if the text is none that `encode_state` returns."""
    if not is_state(encrypted):
        return None
    try:
        members = json.decode(encrypted[len(_PREFIX) :])
    except json.JsonError:
        return None
    if not isinstance(members, dict) or json.nests_deeper(members, _MAX_DEPTH):
        return None
    message, calls = members.get("message"), members.get("calls")
    if not isinstance(message, dict) or not isinstance(calls, dict):
        return None
    if not all(isinstance(one, dict) for one in calls.values()):
        return None
    return ProviderState(message, calls)
