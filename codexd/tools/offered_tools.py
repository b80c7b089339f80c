"""The tools that a block of text can call, and how their schemas decode its parameters."""

from functools import cached_property

from attrs import define, field

from codexd.neutral.turn import Tool
from codexd.tools.block_format import CUSTOM_INPUT
from codexd.tools.block_parser import ParsedBlock
from codexd.tools.schema import decode_schema, decode_typed, get_properties
from codexd.tools.values import decode_text
from codexd.wire import json
from codexd.wire.json import Json


def qualified_name(name: str, namespace: str | None) -> str:
    """Return a tool's name with its namespace, for a format without namespaces."""
    return name if namespace is None else f"{namespace}.{name}"


@define(slots=False)
class OfferedTools:
    """The tools that a client offers.

    Attributes:
        tools: the tools.
        allow_any: a block may also call a tool that is not offered.
    """

    tools: tuple[Tool, ...] = ()
    allow_any: bool = False
    _schemas: dict[str, dict[str, Json]] = field(init=False, factory=dict)

    @cached_property
    def _by_name(self) -> dict[str, Tool]:
        by_bare_name = {tool.name: tool for tool in reversed(self.tools)}
        by_full_name = {qualified_name(tool.name, tool.namespace): tool for tool in reversed(self.tools)}
        return by_bare_name | by_full_name

    def find(self, name: str) -> Tool | None:
        """Return the tool that a block calls; the block may omit the namespace."""
        return self._by_name.get(name) or (Tool(name=name) if self.allow_any else None)

    def parameter_order(self, name: str) -> tuple[str, ...]:
        """Return the parameters of a tool in the order of its schema."""
        tool = self._by_name.get(name)
        return () if tool is None else tuple(get_properties(self._schema(tool)))

    def build_arguments(self, block: ParsedBlock, tool: Tool) -> str:
        """Build the arguments of a block's call: a function's JSON, or a custom tool's raw input."""
        if block.arguments is not None:
            return block.arguments
        if tool.kind == "custom" and [tag for tag, _ in block.fields] == [CUSTOM_INPUT]:
            return decode_text(block.fields[0][1])
        schemas = get_properties(self._schema(tool))
        return json.encode({tag: decode_typed(raw, schemas.get(tag)) for tag, raw in block.fields}).decode()

    def _schema(self, tool: Tool) -> dict[str, Json]:
        if tool.parameters not in self._schemas:
            self._schemas[tool.parameters] = decode_schema(tool.parameters)
        return self._schemas[tool.parameters]
