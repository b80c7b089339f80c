"""The entry from which models are described for Codex as a client when Codex's own catalog is not known.

That is the case of a daemon that runs upstreams only. The client (measured with 0.163) rejects the whole list if one
entry lacks `slug`, `display_name`, `supported_reasoning_levels`, `shell_type`, `visibility`, `supported_in_api`,
`priority`, `support_verbosity`, `truncation_policy`, `experimental_supported_tools` or `base_instructions`. The other
fields offer the model `apply_patch`, images, and the tools of MCP servers by search.
"""

import re
from typing import Any, Final

_PROMPT: Final = """\
You are Codex, a coding agent. You work in the user's workspace with the tools that you are given.

- Read the files that matter before you change anything, and follow the conventions of the code that is there.
- Make the smallest change that solves the task at its cause. Edit files with `apply_patch` if you have it.
- Do not undo or overwrite changes of others, and run nothing that destroys data unless the user asks for it.
- Check your work: run the tests or the program if you can, and say what you could not check.
- Continue until the task is done or you need a decision of the user. Then say briefly what you did and what is open.
"""

TEMPLATE: Final[dict[str, Any]] = {
    "supported_in_api": True,
    "visibility": "list",
    "priority": 100,
    "base_instructions": _PROMPT,
    "shell_type": "unified_exec",
    "apply_patch_tool_type": "freeform",
    "supports_search_tool": True,
    "experimental_supported_tools": [],
    "input_modalities": ["text", "image"],
    "support_verbosity": False,
    "default_reasoning_summary": "none",
    "truncation_policy": {"mode": "tokens", "limit": 10_000},
    "use_responses_lite": False,
}
"""What every model has; the name, the context window and the efforts are the model's own."""

_CLIENTS_OWN: Final = re.compile(r"gpt-([5-9]|[1-9][0-9])")
"""The beginning of the names in the client's own catalog, such as gpt-5.5, which an alias for an upstream may have."""


def is_known_to_client(id: str) -> bool:
    """Return whether the client probably has an entry of a name, which says more than the template."""
    return _CLIENTS_OWN.match(id) is not None
