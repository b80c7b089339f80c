"""The types of input items: those that codexd does not support, and the error for a type that does not exist."""

import re
from difflib import get_close_matches
from typing import Final, NoReturn

from codexd.fronts.json_fields import Fields, raise_wrong_value
from codexd.fronts.responses.compaction import TRIGGER
from codexd.fronts.responses.items import ADDITIONAL_TOOLS, READERS, item_type

_PLAIN: Final = re.compile(r"[a-z0-9_]{1,64}")
"""A type that may be quoted in an error or a header; anything else may be a prompt."""

UNSUPPORTED: Final = frozenset(
    (
        # Calls and outputs of hosted tools.
        "apply_patch_call",
        "apply_patch_call_output",
        "code_interpreter_call",
        "computer_call",
        "computer_call_output",
        "file_search_call",
        "image_generation_call",
        "local_shell_call",
        "local_shell_call_output",
        "mcp_approval_request",
        "mcp_approval_response",
        "mcp_call",
        "mcp_list_tools",
        "program",
        "program_output",
        "shell_call",
        "shell_call_output",
        # Settings inside a history.
        "configuration_update",
        # Several agents in one conversation.
        "agent_message",
        "multi_agent_call",
        "multi_agent_call_output",
        # Codex's own.
        "ghost_snapshot",
    )
)
"""The types that clients send and codexd leaves out."""

_SUPPORTED: Final = (*READERS, ADDITIONAL_TOOLS, TRIGGER, "item_reference")


def describe_item(item: Fields) -> str:
    """Return an item's path and type, such as `input[2] (mcp_call)`, to list it as ignored."""
    return f"{item.path} ({item_type(item)})"


def check_type(item: Fields) -> None:
    """Reject an item whose type does not exist, such as a misspelt one.

    Raises:
        FaultError: `wrong_value`, which names the type if it is a plain word, and the nearest one that exists.
    """
    written = item_type(item)
    if written not in _SUPPORTED and written not in UNSUPPORTED:
        _raise_unknown_type(item, written)


def _raise_unknown_type(item: Fields, written: str) -> NoReturn:
    if not _PLAIN.fullmatch(written):
        raise_wrong_value(item.at("type"), "no type of input items has this name")
    near = get_close_matches(written, (*_SUPPORTED, *sorted(UNSUPPORTED)), n=1)
    hint = (
        f"the nearest name is '{near[0]}'"
        if near
        else "supported types are " + ", ".join(f"'{one}'" for one in _SUPPORTED)
    )
    raise_wrong_value(item.at("type"), f"no type of input items is named '{written}'; {hint}")
