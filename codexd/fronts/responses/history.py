"""The `input` of a Responses request, and what was kept that it goes on from; to the neutral history.

What was kept is read by the reader that read it when it came. So to go on from a response and to send the
whole of it again come to the same history. An item of an unknown type is named in `ignored`, not refused.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from attrs import Factory, define, evolve

from codexd.fronts import errors
from codexd.fronts.modes import TOOL_MESSAGES
from codexd.fronts.reading import Fields, entry, missing, wrong_type
from codexd.fronts.responses import results
from codexd.fronts.responses.items import READERS, kind, whole
from codexd.neutral.fault import Refused, fault
from codexd.neutral.kept import KeptItem, Recalled
from codexd.neutral.turn import CallKind, Item, ToolCall, ToolResult
from codexd.wire import json

_NEEDS_ITS_END: Final = frozenset(("function_call", "custom_tool_call", "reasoning"))
_REFERENCE: Final = "item_reference"

# What `input` may be left out beside.
_BEFORE: Final = ("previous_response_id", "conversation")


@define
class History:
    """The items of an input while they are read.

    Attributes:
        items: what was understood, in order.
        own: the request's own items as they are to be kept: in OpenAI's words, and references replaced by
            what they name.
        ignored: the paths of the items that were not understood.
    """

    items: list[Item] = Factory(list)
    own: list[dict[str, Any]] = Factory(list)
    ignored: list[str] = Factory(list)
    _known: Mapping[str, KeptItem] = Factory(dict)
    _tool_messages: bool = False
    _called: dict[str, CallKind] = Factory(dict)
    _passed_over: set[str] = Factory(set)

    def recall(self, kept: KeptItem) -> None:
        """Read an item that was kept; a call or a thought that was cut short there never was."""
        item = Fields(json.decode(kept.body))
        if whole(item) or kind(item) not in _NEEDS_ITS_END:
            self._read(item, tool_messages=True)

    def take(self, item: Fields) -> None:
        """Read the next item of the request itself.

        Raises:
            Refused: when it is malformed, a tool's output for a call that was never made, or a reference to
                nothing (`item_not_found`).
        """
        if kind(item) == _REFERENCE:
            named = self._named(item.required_name("id"))
            self.own.append(json.decode(named.body))
            self.recall(named)
            return
        self.own.append(_told(item, self._read(item, self._tool_messages)))

    def _named(self, id: str) -> KeptItem:
        found = self._known.get(id)
        if found is None:
            raise Refused(errors.absent("item_not_found", "Item", id, "input"))
        return found

    def _read(self, item: Fields, tool_messages: bool) -> Item | None:
        of_tool = tool_messages and results.is_tool_message(item)
        read = results.read if of_tool else READERS.get(kind(item))
        if read is None:
            self._pass_over(item)
            return None
        taken: Item | None = read(item)
        if isinstance(taken, ToolCall):
            self._called[taken.call_id] = taken.kind
        elif isinstance(taken, ToolResult):
            taken = self._answering(taken, item)
        if taken is not None:
            self.items.append(taken)
        return taken

    def _answering(self, result: ToolResult, item: Fields) -> ToolResult | None:
        """Give a result the kind of its call; if that was passed over, or deleted, so is the result."""
        called = self._called.get(result.call_id)
        if called is not None:
            return evolve(result, kind=called)
        if result.call_id in self._passed_over or not item.path:
            self._ignore(item)
            return None
        name = "tool_call_id" if results.is_tool_message(item) else "call_id"
        message = f"No tool call of this '{name}' comes before this output."
        raise Refused(fault("orphan_tool_output", message, param=item.at(name)))

    def _pass_over(self, item: Fields) -> None:
        self._ignore(item)
        call_id = item.raw("call_id")
        if isinstance(call_id, str):
            self._passed_over.add(call_id)

    def _ignore(self, item: Fields) -> None:
        """Name an item of this request: what was kept has no path in it, and was named when it came."""
        if item.path:
            self.ignored.append(item.path)


def read(fields: Fields, recalled: Recalled, modes: frozenset[str] = frozenset()) -> History:
    """Read `input`, after what was recalled for it.

    Args:
        fields: the request.
        recalled: what it goes on from, and what it refers to.
        modes: compatibility modes that are on; what was kept is read whatever they are.

    Raises:
        Refused: with the path of the item at fault, such as `input[3].call_id`.
    """
    history = History(known=recalled.items, tool_messages=TOOL_MESSAGES in modes)
    for kept in recalled.history or ():
        history.recall(kept)
    for item in _items(fields):
        history.take(item)
    return history


def references(fields: Fields) -> tuple[str, ...]:
    """Name the items that `input` refers to.

    Raises:
        Refused: as `read` does, for what is no item or has no id.
    """
    named = (item.required_name("id") for item in _items(fields) if kind(item) == _REFERENCE)
    return tuple(dict.fromkeys(named))


def _told(item: Fields, taken: Item | None) -> dict[str, Any]:
    """Give an item in OpenAI's words, which has none for tool messages."""
    if isinstance(taken, ToolResult) and results.is_tool_message(item):
        return results.as_item(taken)
    return item.value


def _items(fields: Fields) -> Iterator[Fields]:
    """Give the items one by one; a string is one user message."""
    value = fields.raw("input")
    if value is None and not any(fields.has(name) for name in _BEFORE):
        missing("input")
    if isinstance(value, str):
        text = [{"type": "input_text", "text": value}]
        yield Fields({"type": "message", "role": "user", "content": text}, "input")
    elif isinstance(value, list | None):
        for index, one in enumerate(value or ()):
            yield entry("input", index, one)
    else:
        wrong_type("input", "a string or an array of items", value)
