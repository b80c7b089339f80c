"""Where a tool of the client's stands in the child's world, in which some names are taken.

The child drops a dynamic tool called `exec_command` or `shell_command` without a word, and refuses some
namespaces. Such tools go into a namespace of their own, so that they keep their names; the client never
sees it.
"""

from typing import Final

Place = tuple[str | None, str]
"""A namespace, or none, and a name."""

_TAKEN_NAMES: Final = frozenset(("exec_command", "shell_command"))
_TAKEN_NAMESPACES: Final = frozenset(("functions", "image_gen", "mcp", "multi_tool_use", "python", "web"))
_OURS: Final = "client"


# Where models are told that tools without a namespace are.
_NOWHERE: Final = "functions"


def codexs(namespace: str | None) -> bool:
    """Tell whether only tools of Codex's own are in this namespace: it runs `web.run` itself, for one."""
    return namespace in _TAKEN_NAMESPACES and namespace != _NOWHERE


def placed(namespace: str | None, name: str) -> Place:
    """Give the namespace and name a client's tool has in the child."""
    if namespace is None:
        return (_OURS if name in _TAKEN_NAMES else None), name
    return (f"{_OURS}_{namespace}" if namespace in _TAKEN_NAMESPACES else namespace), name
