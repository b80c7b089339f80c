"""Rejects attachments, files by id at the top of a request or on its messages: codexd stores no files."""

import re
from collections.abc import Iterator
from typing import Any, Final

from attrs import evolve

from codexd.fronts.json_fields import Fields
from codexd.neutral.fault import FaultError, fault

_NAME: Final = "attachments"
_LOGGED: Final = 16
"""The maximum number of ids in a log entry."""

_ID: Final = re.compile(r"file[-_][A-Za-z0-9]{1,59}")
"""A file id as OpenAI makes them. Anything else may be a prompt or a key, and stays out of the log."""


_INLINE: Final = {"input": "input_file", "items": "input_file", "messages": "file"}
"""The parts by which files can be sent inline, by the field that contains the messages."""


def reject_attachments(fields: Fields, messages: str = "input") -> None:
    """Reject a request that has attachments, or a message with attachments.

    Args:
        fields: of the body.
        messages: the name of the field that contains the messages.

    Raises:
        FaultError: `attachments`, with the path of the first ones; its note, for the log, has their file ids.
    """
    for path, holder in _places(fields, messages):
        held = holder.get(_NAME)
        if held:
            part = _INLINE.get(messages)
            hint = f"send the files inline, as '{part}' parts" if part else "this endpoint has no files"
            message = f"This server does not support attachments; {hint}."
            raise FaultError(evolve(fault("attachments", message, param=path + _NAME), note=_note(held)))


def _places(fields: Fields, messages: str) -> Iterator[tuple[str, dict[str, Any]]]:
    yield "", fields.value
    items = fields.raw(messages)
    for index, item in enumerate(items if isinstance(items, list) else ()):
        if isinstance(item, dict):
            yield f"{messages}[{index}].", item


def _note(held: Any) -> str | None:
    """Return the file ids that are safe to log."""
    entries = held if isinstance(held, list) else []
    named = (entry.get("file_id") if isinstance(entry, dict) else entry for entry in entries)
    ids = [id for id in named if isinstance(id, str) and _ID.fullmatch(id)]
    return ",".join(ids[:_LOGGED]) or None
