"""Merges encoded Chat messages for servers whose chat templates accept only certain orders of roles."""

from typing import Final

from codexd.wire.json import Json

_SEPARATOR: Final = "\n\n"
_SYSTEM_ROLES: Final = ("developer", "system")


def merge_system_messages(messages: list[Json]) -> list[Json]:
    """Return the messages with one system message, which is the first and contains all of them in order.

    Its role is `developer` if one of them has that role.
    """
    system = [one for one in messages if one["role"] in _SYSTEM_ROLES]
    if not system or (len(system) == 1 and messages[0] is system[0]):
        return messages
    roles = {one["role"] for one in system}
    content = _merge_contents([one["content"] for one in system])
    merged = {"role": "developer" if "developer" in roles else "system", "content": content}
    return [merged, *(one for one in messages if one["role"] not in _SYSTEM_ROLES)]


def merge_consecutive_messages(messages: list[Json]) -> list[Json]:
    """Return the messages with consecutive ones of the same role as one; results of tools stay separate."""
    merged: list[Json] = []
    for message in messages:
        last = merged[-1] if merged else None
        if last is None or last["role"] != message["role"] or message["role"] == "tool":
            merged.append(message)
        else:
            merged[-1] = _merge(last, message)
    return merged


def _merge(first: Json, second: Json) -> Json:
    content = _merge_contents([first["content"], second["content"]])
    names = [name for name in {**first, **second} if name not in ("role", "content")]
    rest = {name: _merge_values(first.get(name), second.get(name)) for name in names}
    return {"role": first["role"], "content": content} | rest


def _merge_values(first: Json, second: Json) -> Json:
    """Merge two members: arrays (calls) and texts (reasoning) are joined, else the second counts."""
    if first is None or second is None:
        return second if first is None else first
    if isinstance(first, list) and isinstance(second, list):
        return [*first, *second]
    if isinstance(first, str) and isinstance(second, str):
        return first + _SEPARATOR + second
    return second


def _merge_contents(contents: list[Json]) -> Json:
    """Join contents: a string if all are text, else an array of parts; null if there is none."""
    given = [one for one in contents if one]
    if all(isinstance(one, str) for one in given):
        return _SEPARATOR.join(given) if given or "" in contents else None
    parts: list[Json] = []
    for one in given:
        parts += [{"type": "text", "text": one}] if isinstance(one, str) else one
    return parts
