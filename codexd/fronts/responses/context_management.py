"""Parser of `context_management` (OpenAI Responses): when a history is compacted before it is answered."""

from typing import Final

from codexd.fronts.json_fields import Fields
from codexd.neutral.turn import CompactionRequest

DEFAULT_THRESHOLD_TOKENS: Final = 100_000
"""The threshold of an entry without one; below the context window of every model that Codex offers."""

_MIN_THRESHOLD_TOKENS: Final = 1000
_MAX_THRESHOLD_TOKENS: Final = 2**53


def parse_compaction_request(fields: Fields, triggered: bool) -> CompactionRequest | None:
    """Parse the request for a compaction; the first entry counts.

    Args:
        fields: the body.
        triggered: the input ends with an item that asks for a compaction in place of an answer.

    Raises:
        FaultError: `wrong_type`, `wrong_value` or `missing` for an invalid entry.
    """
    thresholds = [_parse_entry(entry) for entry in fields.objects("context_management")]
    if triggered:
        return CompactionRequest()
    return CompactionRequest(thresholds[0]) if thresholds else None


def _parse_entry(entry: Fields) -> int:
    entry.required_choice("type", ("compaction",))
    threshold = entry.integer("compact_threshold", _MIN_THRESHOLD_TOKENS, _MAX_THRESHOLD_TOKENS)
    return DEFAULT_THRESHOLD_TOKENS if threshold is None else threshold
