"""Which tools a block of text can call, and what its parameters mean to them."""

from functools import cached_property

from attrs import define, field

from codexd.neutral.turn import Tool
from codexd.tools.canon import INPUT
from codexd.tools.schema import decoded, properties, typed
from codexd.tools.use import Use
from codexd.tools.values import text_of
from codexd.wire import json
from codexd.wire.json import Json


def spelled(name: str, namespace: str | None) -> str:
    """Spell a tool's name where there are no namespaces."""
    return name if namespace is None else f"{namespace}.{name}"


@define(slots=False)
class Offer:
    """The tools on offer.

    Attributes:
        tools: what they are.
        any: a block may call tools that are not on offer, as nobody said which there are.
    """

    tools: tuple[Tool, ...] = ()
    any: bool = False
    _schemas: dict[str, dict[str, Json]] = field(init=False, factory=dict)

    @cached_property
    def _named(self) -> dict[str, Tool]:
        bare = {tool.name: tool for tool in reversed(self.tools)}
        return bare | {spelled(tool.name, tool.namespace): tool for tool in reversed(self.tools)}

    def find(self, name: str) -> Tool | None:
        """Find what a block calls; the namespace may be left out."""
        return self._named.get(name) or (Tool(name) if self.any else None)

    def order(self, name: str) -> tuple[str, ...]:
        """Give the tool's own order of parameters."""
        tool = self._named.get(name)
        return () if tool is None else tuple(properties(self._schema(tool)))

    def arguments(self, use: Use, tool: Tool) -> str:
        """Give a block's arguments: a function's JSON, a custom tool's raw input."""
        if use.arguments is not None:
            return use.arguments
        if tool.kind == "custom" and [tag for tag, _ in use.fields] == [INPUT]:
            return text_of(use.fields[0][1])
        members = properties(self._schema(tool))
        return json.encode({tag: typed(raw, members.get(tag)) for tag, raw in use.fields}).decode()

    def _schema(self, tool: Tool) -> dict[str, Json]:
        if tool.parameters not in self._schemas:
            self._schemas[tool.parameters] = decoded(tool.parameters)
        return self._schemas[tool.parameters]
