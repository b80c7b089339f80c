"""Compatibility modes: habits beyond OpenAI's, for clients that need them; never on by default."""

from typing import Final

from codexd.neutral.fault import Refused, fault

TOOL_EVENTS: Final = "tool-events"
"""Responses streams carry `response.output_tool_call.*` and `response.done` beside the standard events."""

TOOL_MESSAGES: Final = "tool-messages"
"""Responses input may hold messages of role `tool`."""

MODES: Final = (TOOL_EVENTS, TOOL_MESSAGES)
HEADER: Final = "x-codexd-compatibility"
_NONE: Final = "none"


def chosen(header: str | None, default: frozenset[str]) -> frozenset[str]:
    """Give the modes of one request: those that its header names, or the server's own.

    Args:
        header: `x-codexd-compatibility`, a list with commas (RFC 9110, 5.6.1) in any case; `none` turns all
            modes off. None, or nothing in it, chooses nothing.
        default: the setting `responses.compatibility`.

    Raises:
        Refused: `wrong_value`, naming the header, for what is not a mode.
    """
    named = {name.strip().lower() for name in (header or "").split(",")} - {""}
    if not named:
        return default
    if named == {_NONE}:
        return frozenset()
    if not named <= set(MODES):
        allowed = ", ".join(f"'{mode}'" for mode in MODES)
        message = f"Invalid value for the header '{HEADER}': expected '{_NONE}' or some of {allowed}."
        raise Refused(fault("wrong_value", message, param=HEADER))
    return frozenset(named)
