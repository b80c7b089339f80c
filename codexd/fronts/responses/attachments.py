"""Attachments: files by id, at a request's top or on its messages. None are kept here, none can be read."""

import re
from collections.abc import Iterator
from typing import Any, Final

from attrs import evolve

from codexd.fronts.reading import Fields
from codexd.neutral.fault import Refused, fault

_NAME: Final = "attachments"
_LOGGED: Final = 16
"""How many ids go to the log."""

_ID: Final = re.compile(r"file[-_][A-Za-z0-9]{1,59}")
"""A file's id as OpenAI makes them. Anything else may be a prompt or a key, and stays out of the log."""


def refuse(fields: Fields) -> None:
    """Refuse a request that has any.

    Raises:
        Refused: `attachments`, with the path of the first ones; its note, for the log, has their files' ids.
    """
    for place in _places(fields):
        held = place.raw(_NAME)
        if held:
            message = "Attachments cannot be read here; send the files inline, as 'input_file' parts."
            raise Refused(evolve(fault("attachments", message, param=place.at(_NAME)), note=_note(held)))


def _places(fields: Fields) -> Iterator[Fields]:
    yield fields
    items = fields.raw("input")
    for index, item in enumerate(items if isinstance(items, list) else ()):
        if isinstance(item, dict):
            yield Fields(item, f"input[{index}]")


def _note(held: Any) -> str | None:
    """Name the files whose ids are harmless."""
    entries = held if isinstance(held, list) else []
    named = (entry.get("file_id") if isinstance(entry, dict) else entry for entry in entries)
    ids = [id for id in named if isinstance(id, str) and _ID.fullmatch(id)]
    return ",".join(ids[:_LOGGED]) or None
