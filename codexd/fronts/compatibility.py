"""Compatibility modes: behaviour beyond OpenAI's for clients that need it; never on by default."""

from typing import Final

from codexd.neutral.fault import FaultError, fault

TOOL_EVENTS: Final = "tool-events"
"""Responses streams have `response.output_tool_call.*` and `response.done` beside the standard events."""

TOOL_MESSAGES: Final = "tool-messages"
"""Responses input may contain messages of role `tool`."""

MODES: Final = (TOOL_EVENTS, TOOL_MESSAGES)
HEADER: Final = "x-codexd-compatibility"
_NONE: Final = "none"


def choose_modes(header: str | None, default: frozenset[str]) -> frozenset[str]:
    """Return the modes of one request: those that its header names, or the server's default.

    Args:
        header: `x-codexd-compatibility`, a comma-separated list (RFC 9110, 5.6.1) in any case; `none` turns
            all modes off. None or an empty list selects the default.
        default: the setting `responses.compatibility`.

    Raises:
        FaultError: `wrong_value`, naming the header, for an unknown mode.
    """
    named = {name.strip().lower() for name in (header or "").split(",")} - {""}
    if not named:
        return default
    if named == {_NONE}:
        return frozenset()
    if not named <= set(MODES):
        allowed = ", ".join(f"'{mode}'" for mode in MODES)
        message = f"Invalid value for the header '{HEADER}': expected '{_NONE}' or one or more of {allowed}."
        raise FaultError(fault("wrong_value", message, param=HEADER))
    return frozenset(named)
