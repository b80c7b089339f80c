"""What the client's tools are called at the server, which knows no namespaces; and back again."""

import re
from collections import Counter
from hashlib import sha256
from typing import Final

from codexd.neutral.turn import Tool

Place = tuple[str | None, str]
"""A namespace, or none, and a name."""

_LONGEST: Final = 64
_DIGITS: Final = 8
_PLAIN: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}")


class Names:
    """The names of one request's tools: `namespace__name`, or one with a digest where that will not do.

    Attributes:
        known: every name by which a call may mean an offered tool.
    """

    def __init__(self, tools: tuple[Tool, ...] = ()) -> None:
        self._names: dict[Place, str] = {}
        own = {self.of(tool.namespace, tool.name): tool for tool in tools}
        counted = Counter(tool.name for tool in tools)
        # Some models leave out the namespace.
        bare = {tool.name: tool for tool in tools if counted[tool.name] == 1}
        self._tools: dict[str, Tool] = bare | own
        self.known = frozenset(self._tools)

    def of(self, namespace: str | None, name: str) -> str:
        """Give the name of a tool, also of one that a history calls and that is not offered any more."""
        place = (namespace, name)
        if place not in self._names:
            self._names[place] = self._new(namespace, name)
        return self._names[place]

    def tool(self, name: str) -> Tool | None:
        """Find the tool a call means."""
        return self._tools.get(name)

    def whole(self, name: str) -> bool:
        """Tell whether this is the name of an offered tool and cannot be the beginning of another's."""
        return name in self.known and not any(self._longer(name))

    def begins(self, name: str) -> bool:
        """Tell whether this is an offered tool's name or the beginning of one."""
        return name in self.known or any(self._longer(name))

    def _longer(self, name: str) -> list[str]:
        return [known for known in self.known if known != name and known.startswith(name)]

    def _new(self, namespace: str | None, name: str) -> str:
        plain = name if namespace is None else f"{namespace}__{name}"
        if _PLAIN.fullmatch(plain) and plain not in self._names.values():
            return plain
        digest = sha256(f"{namespace}\0{name}".encode()).hexdigest()[:_DIGITS]
        head = re.sub(r"[^a-zA-Z0-9_-]", "_", plain)[: _LONGEST - _DIGITS - 1]
        return f"{head}_{digest}"
