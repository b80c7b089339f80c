"""The `input` of a Responses request, and what was kept that it goes on from; to the neutral history.

What was kept is read by the reader that read it when it came. So to go on from a response and to send the
whole of it again come to the same history. An item of an unknown type is named in `ignored`, not refused.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from attrs import Factory, define

from codexd.fronts.reading import Fields, entry, missing, wrong_type
from codexd.fronts.responses.items import READERS, kind, whole
from codexd.neutral.fault import Refused, fault
from codexd.neutral.kept import KeptItem, Recalled
from codexd.neutral.turn import Item, ToolCall, ToolResult
from codexd.wire import json

_SHOWN: Final = 128
"""How much of an unknown id is repeated to whoever asked for it."""

_NEEDS_ITS_END: Final = frozenset(("function_call", "custom_tool_call", "reasoning"))
_REFERENCE: Final = "item_reference"


@define
class History:
    """The items of an input while they are read.

    Attributes:
        items: what was understood, in order.
        own: the request's own items as they are to be kept: references replaced by what they name.
        ignored: the paths of the items that were not understood.
    """

    items: list[Item] = Factory(list)
    own: list[dict[str, Any]] = Factory(list)
    ignored: list[str] = Factory(list)
    _known: Mapping[str, KeptItem] = Factory(dict)
    _called: set[str] = Factory(set)
    _passed_over: set[str] = Factory(set)

    def recall(self, kept: KeptItem) -> None:
        """Read an item that was kept; a call or a thought that was cut short there never was."""
        item = Fields(json.decode(kept.body))
        if whole(item) or kind(item) not in _NEEDS_ITS_END:
            self._read(item)

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
        self._read(item)
        self.own.append(item.value)

    def _named(self, id: str) -> KeptItem:
        found = self._known.get(id)
        if found is None:
            message = f"Item with id '{id[:_SHOWN]}' not found."
            raise Refused(fault("item_not_found", message, param="input"))
        return found

    def _read(self, item: Fields) -> None:
        read = READERS.get(kind(item))
        if read is None:
            self._pass_over(item)
            return
        taken = read(item)
        if isinstance(taken, ToolResult) and taken.call_id not in self._called:
            self._unasked(item, taken.call_id)
            return
        if isinstance(taken, ToolCall):
            self._called.add(taken.call_id)
        self.items.append(taken)

    def _pass_over(self, item: Fields) -> None:
        self._ignore(item)
        call_id = item.raw("call_id")
        if isinstance(call_id, str):
            self._passed_over.add(call_id)

    def _unasked(self, item: Fields, call_id: str) -> None:
        """Refuse a result without its call; one whose call was passed over, or deleted, goes the same way."""
        if call_id in self._passed_over or not item.path:
            self._ignore(item)
            return
        message = "No tool call of this 'call_id' comes before this output."
        raise Refused(fault("orphan_tool_output", message, param=item.at("call_id")))

    def _ignore(self, item: Fields) -> None:
        """Name an item of this request: what was kept has no path in it, and was named when it came."""
        if item.path:
            self.ignored.append(item.path)


def read(fields: Fields, recalled: Recalled) -> History:
    """Read `input`, after what was recalled for it.

    Raises:
        Refused: with the path of the item at fault, such as `input[3].call_id`.
    """
    history = History(known=recalled.items)
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


def _items(fields: Fields) -> Iterator[Fields]:
    """Give the items one by one; a string is one user message."""
    value = fields.raw("input")
    if value is None:
        missing("input")
    if isinstance(value, str):
        text = [{"type": "input_text", "text": value}]
        yield Fields({"type": "message", "role": "user", "content": text}, "input")
    elif isinstance(value, list):
        for index, one in enumerate(value):
            yield entry("input", index, one)
    else:
        wrong_type("input", "a string or an array of items", value)
