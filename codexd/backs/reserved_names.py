"""Moves client tools whose name or namespace is reserved by the child into other namespaces.

The child silently drops a dynamic tool called `exec_command` or `shell_command`, and rejects some namespaces.
Such tools keep their names but get a namespace of codexd's, which the client never sees.
"""

from typing import Final

QualifiedName = tuple[str | None, str]
"""A tool's namespace, or None, and its name."""

_RESERVED_NAMES: Final = frozenset(("exec_command", "shell_command"))
_RESERVED_NAMESPACES: Final = frozenset(("functions", "image_gen", "mcp", "multi_tool_use", "python", "web"))
_CLIENT_NAMESPACE: Final = "client"


# The namespace that models are shown for tools without one.
_NO_NAMESPACE: Final = "functions"


def is_codex_namespace(namespace: str | None) -> bool:
    """Return whether the namespace holds only tools that Codex runs itself, such as `web.run`."""
    return namespace in _RESERVED_NAMESPACES and namespace != _NO_NAMESPACE


def to_child_name(namespace: str | None, name: str) -> QualifiedName:
    """Return the namespace and name that a client's tool has in the child."""
    if namespace is None:
        return (_CLIENT_NAMESPACE if name in _RESERVED_NAMES else None), name
    return (f"{_CLIENT_NAMESPACE}_{namespace}" if namespace in _RESERVED_NAMESPACES else namespace), name
