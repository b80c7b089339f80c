"""Collects the opaque state of a message or a call from the fragments of a stream.

Objects are merged. An array contains entries that may arrive in fragments: their texts are concatenated, other
members are replaced. A fragment continues the entry with its `index`; without an index, the first entry of an
array continues the last one of its type that has no signature yet.
"""

from collections.abc import Mapping
from typing import Final

from attrs import define, field

from codexd.wire.json import Json

_TEXTS: Final = ("text", "summary", "thinking")
"""The members of an entry that arrive in fragments (OpenRouter `reasoning_details`, LiteLLM `thinking_blocks`)."""

_WHOLE: Final = ("data",)
"""The members that arrive whole: an entry that has one is complete."""

_MERGED_LEVELS: Final = 8


@define
class _Entry:
    """One entry of an array; its texts are joined when it is built."""

    members: dict[str, Json] = field(factory=dict)
    texts: dict[str, list[str]] = field(factory=dict)

    def add(self, fragment: Mapping[str, Json]) -> None:
        for name, value in fragment.items():
            if name in _TEXTS and isinstance(value, str):
                self.members.setdefault(name, "")  # The order of the members stays.
                self.texts.setdefault(name, []).append(value)
            elif value is not None or name not in self.members:
                self.members[name] = value

    def build(self) -> dict[str, Json]:
        return self.members | {name: "".join(parts) for name, parts in self.texts.items()}

    def accepts(self, fragment: Mapping[str, Json]) -> bool:
        """Return whether a fragment may continue this entry."""
        ours = self.members
        if fragment.get("type") != ours.get("type") or fragment.get("index") != ours.get("index"):
            return False
        if any(fragment.get(name) or ours.get(name) for name in _WHOLE):
            return False
        if ours.get("index") is None and ours.get("signature"):
            return False
        ids = (fragment.get("id"), ours.get("id"))
        return None in ids or ids[0] == ids[1]


class StateBuffer:
    """The state of one message or call so far. True when there is any."""

    def __init__(self) -> None:
        self._values: dict[str, Json] = {}
        self._arrays: dict[str, list[_Entry | Json]] = {}
        self._latest: dict[tuple[str, str, str], _Entry] = {}

    def __bool__(self) -> bool:
        return bool(self._values or self._arrays)

    def add(self, members: Mapping[str, Json], complete: bool = False) -> None:
        """Add a fragment; a complete one replaces what was received before."""
        for name, value in members.items():
            if not isinstance(value, list):
                before = None if complete else self._values.get(name)
                self._values[name] = _merge(before, value)
            elif complete:
                self._arrays[name] = [*value]
            else:
                self._add_entries(name, value)

    def build(self) -> dict[str, Json]:
        """Return the members as they would be in a response that is not streamed."""
        arrays = {
            name: [one.build() if isinstance(one, _Entry) else one for one in entries]
            for name, entries in self._arrays.items()
        }
        return self._values | arrays

    def _add_entries(self, name: str, fragments: list[Json]) -> None:
        entries = self._arrays.setdefault(name, [])
        last = entries[-1] if entries else None
        for fragment in fragments:
            if not isinstance(fragment, dict):
                entries.append(fragment)
                continue
            key = (name, _plain(fragment.get("type")), _plain(fragment.get("index")))
            entry = last if fragment.get("index") is None else self._latest.get(key)
            if not isinstance(entry, _Entry) or not entry.accepts(fragment):
                entry = self._latest[key] = _Entry()
                entries.append(entry)
            entry.add(fragment)
            last = None


def _plain(value: Json) -> str:
    """Return a text or a number as text; anything else, which may nest deep, is alike."""
    return str(value) if isinstance(value, str | int | float | None) else ""


def _merge(before: Json, after: Json, depth: int = _MERGED_LEVELS) -> Json:
    """Merge objects into the first, member by member; anything else replaces what was before."""
    if not depth or not isinstance(before, dict) or not isinstance(after, dict):
        return after
    for name, value in after.items():
        before[name] = _merge(before.get(name), value, depth - 1)
    return before
