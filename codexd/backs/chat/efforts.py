"""Encodes the reasoning effort in the form that a server accepts."""

from collections.abc import Callable
from typing import Final

from codexd.backs.chat.capabilities import EffortForm, ServerCapabilities
from codexd.wire.json import Json

OFF: Final = "none"
"""The effort that stands for no reasoning."""

EFFORT_FIELDS: Final = frozenset(("reasoning_effort", "reasoning", "thinking", "chat_template_kwargs"))
"""The request fields that an effort may be encoded in."""


def encode_effort(effort: str | None, capabilities: ServerCapabilities) -> dict[str, Json]:
    """Return the request fields for an effort; none if the server has no form or no name for it."""
    if effort is None:
        return {}
    name = dict(capabilities.effort_names).get(effort, effort)
    return _FORMS[capabilities.effort_form](name) if name else {}


def _thinking(name: str) -> dict[str, Json]:
    """Encode DeepSeek's form: a switch, and an effort while it is on."""
    if name == OFF:
        return {"thinking": {"type": "disabled"}}
    return {"thinking": {"type": "enabled"}, "reasoning_effort": name}


def _template_variables(name: str) -> dict[str, Json]:
    """Encode the variables that chat templates use, such as those of Qwen (a switch) and gpt-oss (an effort)."""
    if name == OFF:
        return {"chat_template_kwargs": {"enable_thinking": False}}
    return {"chat_template_kwargs": {"enable_thinking": True, "reasoning_effort": name}}


_FORMS: Final[dict[EffortForm, Callable[[str], dict[str, Json]]]] = {
    "reasoning_effort": lambda name: {"reasoning_effort": name},
    "reasoning": lambda name: {"reasoning": {"effort": name}},
    "thinking": _thinking,
    "chat_template_kwargs": _template_variables,
    "none": lambda name: {},
}
