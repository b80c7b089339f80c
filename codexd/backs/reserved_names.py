"""Renames client tools whose name or namespace is reserved by the child.

The child silently drops a dynamic tool called `exec_command` or `shell_command`, and refuses the thread for some other
names and namespaces. Such tools get another name or namespace, which the client never sees. No two tools of a request
get the same one.
"""

import re
from hashlib import sha256
from typing import Final

from codexd.neutral.turn import Tool

QualifiedName = tuple[str | None, str]
"""A tool's namespace, or None, and its name."""

_CLIENT: Final = "client"

# Measured on the pinned binary: docs/app-server.md.
_DROPPED_NAMES: Final = frozenset(("exec_command", "shell_command"))
_CODEX_NAMESPACES: Final = (
    *("api_tool", "browser", "computer", "container", "file_search", "functions", "image_gen", "mcp(?:__.*)?"),
    *("multi_tool_use", "python", "submodel_delegator", "terminal", "tool_search", "web"),
)
_MAX_CHARACTERS: Final = 64
_DIGEST_CHARACTERS: Final = 8
_VALID: Final = re.compile(rf"[a-zA-Z0-9_-]{{1,{_MAX_CHARACTERS}}}")

# A name that a renamed one could be equal to is renamed, too.
_RENAMED_NAMES: Final = re.compile(rf"(?:{_CLIENT}_)*mcp(?:__.*)?", re.DOTALL)
_RENAMED_NAMESPACES: Final = re.compile(rf"(?:{_CLIENT}_)*(?:{'|'.join((_CLIENT, *_CODEX_NAMESPACES))})", re.DOTALL)
_RESERVED_NAMESPACE: Final = re.compile("|".join(_CODEX_NAMESPACES), re.DOTALL)
# The namespace that models are shown for tools without one.
_NO_NAMESPACE: Final = "functions"


def is_codex_namespace(namespace: str | None) -> bool:
    """Return whether the namespace holds only tools that Codex runs itself, such as `web.run`."""
    return namespace is not None and namespace != _NO_NAMESPACE and _RESERVED_NAMESPACE.fullmatch(namespace) is not None


class ChildNames:
    """The names that the client's tools have in the child."""

    def __init__(self, tools: tuple[Tool, ...] = ()) -> None:
        self._plain_names = frozenset(tool.name for tool in tools if tool.namespace is None)

    def encode(self, namespace: str | None, name: str) -> QualifiedName:
        """Return the child's namespace and name for a tool, also for one that is not offered.

        The namespace `functions` is the one that models are shown for tools without a namespace.
        """
        if namespace == _NO_NAMESPACE and name not in self._plain_names:
            namespace = None
        if namespace is None and name in _DROPPED_NAMES:
            return _CLIENT, name
        return None if namespace is None else _rename(namespace, _RENAMED_NAMESPACES), _rename(name, _RENAMED_NAMES)


def _rename(name: str, renamed: "re.Pattern[str]") -> str:
    new = f"{_CLIENT}_{name}" if renamed.fullmatch(name) else name
    if _VALID.fullmatch(new):
        return new
    digest = sha256(name.encode()).hexdigest()[:_DIGEST_CHARACTERS]
    head = re.sub(r"[^a-zA-Z0-9_-]", "_", new)[: _MAX_CHARACTERS - _DIGEST_CHARACTERS - 1]
    return f"{head}_{digest}"
