"""The line of one request in the log: as text, and as the fields of a JSON object (docs/logs.md)."""

from collections.abc import Mapping
from operator import attrgetter
from typing import Any, Final

from codexd.context import TOKEN_KINDS, RequestRecord
from codexd.observe.logfmt import quote

REQUEST: Final = "request"
BACKGROUND_RESPONSE: Final = "background_response"
_BACKGROUND_METHOD: Final = "background"

_FIELDS: Final = (
    "id",
    "trace_id",
    "method",
    "route",
    "path",
    "status",
    "dialect",
    "model",
    "principal",
    "stream",
    "backend",
    "worker",
    "thread",
    "outcome",
    "note",
    "received_bytes",
    "sent_bytes",
    "client_stalls",
    "model_pauses",
    "retries",
    "tools_offered",
    "tool_calls",
)
"""The fields of the record that are fields of the JSON object under the same name."""

_READ_FIELDS: Final = attrgetter(*_FIELDS)
_TOKEN_FIELDS: Final = tuple(f"{kind}_tokens" for kind in TOKEN_KINDS)
_NAMES: Final = {"trace": "trace_id", "stalls": "client_stalls", "pauses": "model_pauses", "tools": "tools_offered"}
"""The fields that have a shorter name in the text."""

_TEXTS: Final = ("trace", "backend", "worker", "thread", "note")
_READ_TEXTS: Final = attrgetter(*(_NAMES.get(name, name) for name in _TEXTS))
_NUMBERS: Final = ("retries", "stalls", "pauses", "tools", "tool_calls")
_READ_NUMBERS: Final = attrgetter(*(_NAMES.get(name, name) for name in _NUMBERS))


class RequestLine:
    """The line of a finished request; written to an observer's format only if the observer wants it.

    Args:
        record: of the request, which does not change any more.
    """

    __slots__ = ("record",)

    def __init__(self, record: RequestRecord) -> None:
        self.record = record

    @property
    def event(self) -> str:
        """The name of the log event."""
        return BACKGROUND_RESPONSE if self.record.method == _BACKGROUND_METHOD else REQUEST

    def summary(self) -> str:
        """Return what was asked and what became of it."""
        record = self.record
        return f"{record.method} {record.route} {record.status} {record.outcome}"

    def __str__(self) -> str:
        """Return the text of the line; optional fields are omitted where they are empty or 0."""
        record = self.record
        tokens = record.token_counts()
        return (
            f"{record.method} {record.route} {record.status} {record.outcome} {record.seconds * 1000:.1f}ms"
            f" id={record.id} principal={quote(record.principal)} dialect={record.dialect} model={quote(record.model)}"
            f" tokens={tokens[0]}+{tokens[3]} bytes={record.received_bytes}+{record.sent_bytes}"
            f"{self._optional_text(tokens)}"
        )

    def _optional_text(self, tokens: tuple[int, ...]) -> str:
        record = self.record
        parts = [f" {name}={tokens[at]}" for name, at in (("cached", 1), ("reasoning", 4)) if tokens[at]]
        if record.queue_seconds:
            parts.append(f" queue={record.queue_seconds * 1000:.1f}ms")
        if record.first_event_seconds is not None:
            parts.append(f" first={record.first_event_seconds * 1000:.1f}ms")
        parts += [f" {name}={value}" for name, value in zip(_NUMBERS, _READ_NUMBERS(record), strict=True) if value]
        if record.path != record.route:
            parts.append(f" path={quote(record.path)}" if record.path else "")
        parts += [f" {name}={quote(value)}" for name, value in zip(_TEXTS, _READ_TEXTS(record), strict=True) if value]
        if record.ignored:
            parts.append(f" ignored={quote(','.join(record.ignored))}")
        return "".join(parts)

    def fields(self) -> Mapping[str, Any]:
        """Return the fields of the JSON object; each is always there."""
        record = self.record
        first = record.first_event_seconds
        fields: dict[str, Any] = dict(zip(_FIELDS, _READ_FIELDS(record), strict=True))
        fields["milliseconds"] = round(record.seconds * 1000, 1)
        fields["queue_milliseconds"] = round(record.queue_seconds * 1000, 1)
        fields["first_event_milliseconds"] = None if first is None else round(first * 1000, 1)
        fields.update(zip(_TOKEN_FIELDS, record.token_counts(), strict=True))
        fields["ignored"] = ",".join(record.ignored)
        return fields
