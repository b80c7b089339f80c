"""Encodes tool names for a server, which has no namespaces, and finds the tool of a name."""

import re
from collections import Counter
from hashlib import sha256
from typing import Final

from codexd.backs.reserved_names import QualifiedName
from codexd.neutral.turn import Tool

_MAX_CHARS: Final = 64
_DIGEST_CHARS: Final = 8
_NO_NAMESPACES: Final = (None, "functions")
"""`functions` is the namespace that models are shown for tools without one."""

_VALID: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}")


class ToolNames:
    """The server's names for the tools of one request: `namespace__name`.

    A name that is not valid or not unique is shortened and ends with a digest.

    Attributes:
        known: every name by which a call may refer to an offered tool.
    """

    def __init__(self, tools: tuple[Tool, ...] = ()) -> None:
        self._names: dict[QualifiedName, str] = {}
        self._taken: set[str] = set()
        full = {self.encode(tool.namespace, tool.name): tool for tool in tools}
        counts = Counter(tool.name for tool in tools)
        # Some models omit the namespace.
        bare = {tool.name: tool for tool in tools if counts[tool.name] == 1}
        self._tools: dict[str, Tool] = bare | full
        self.known = frozenset(self._tools)

    def encode(self, namespace: str | None, name: str) -> str:
        """Return the server's name for a tool, also for one that is called in the history but not offered."""
        key = (namespace, name)
        if key not in self._names:
            self._names[key] = self._build(namespace, name)
            self._taken.add(self._names[key])
        return self._names[key]

    def find_tool(self, name: str) -> Tool | None:
        """Return the offered tool that a call refers to."""
        return self._tools.get(name)

    def is_unambiguous(self, name: str) -> bool:
        """Return whether this is the name of an offered tool and not the beginning of another's."""
        return name in self.known and not any(self._longer_names(name))

    def is_prefix(self, name: str) -> bool:
        """Return whether this is an offered tool's name or the beginning of one."""
        return name in self.known or any(self._longer_names(name))

    def _longer_names(self, name: str) -> list[str]:
        return [known for known in self.known if known != name and known.startswith(name)]

    def _build(self, namespace: str | None, name: str) -> str:
        plain = name if namespace in _NO_NAMESPACES else f"{namespace}__{name}"
        if _VALID.fullmatch(plain) and plain not in self._taken:
            return plain
        digest = sha256(f"{namespace}\0{name}".encode()).hexdigest()[:_DIGEST_CHARS]
        head = re.sub(r"[^a-zA-Z0-9_-]", "_", plain)[: _MAX_CHARS - _DIGEST_CHARS - 1]
        return f"{head}_{digest}"
