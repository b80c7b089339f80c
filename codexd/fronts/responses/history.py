"""Parser of the `input` of a Responses request and of the stored history that it continues.

Stored items are parsed by the parser that read them from their request. So continuing a response and sending
its whole history again give the same items. An item of an unsupported type is listed in `ignored`; one whose type
does not exist is rejected.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from attrs import Factory, define, evolve

from codexd.fronts import errors
from codexd.fronts.compatibility import TOOL_MESSAGES
from codexd.fronts.json_fields import Fields, parse_element, raise_missing, raise_wrong_type, raise_wrong_value
from codexd.fronts.responses import tool_messages
from codexd.fronts.responses.compaction import TRIGGER, drop_replaced
from codexd.fronts.responses.item_types import check_type, describe_item
from codexd.fronts.responses.items import ADDITIONAL_TOOLS, find_reader, has_tools, is_complete, item_type
from codexd.neutral.fault import FaultError, fault
from codexd.neutral.stored import LoadedHistory, StoredItem
from codexd.neutral.turn import CallKind, ImagePart, Item, Message, ToolCall, ToolResult
from codexd.wire import json

_DROPPED_IF_INCOMPLETE: Final = frozenset(
    ("function_call", "custom_tool_call", "tool_search_call", "reasoning", "compaction")
)
_REFERENCE: Final = "item_reference"

# With one of these `input` is optional.
_HISTORY_FIELDS: Final = ("previous_response_id", "conversation")


@define(kw_only=True)
class InputHistory:
    """The items of an input while they are parsed.

    Attributes:
        items: the parsed items, in order.
        own: the request's own items in OpenAI's form, as they are stored, references replaced by their items.
        ignored: the paths and types of the items that are left out.
        compaction_trigger: the path of the item that asks for a compaction in place of an answer, if there is one.
        tool_items: the items that offer tools (`tools`), in order; stored ones have no path.
    """

    items: list[Item] = Factory(list)
    own: list[dict[str, Any]] = Factory(list)
    ignored: list[str] = Factory(list)
    compaction_trigger: str | None = None
    tool_items: list[Fields] = Factory(list)
    _known: Mapping[str, StoredItem] = Factory(dict)
    _accept_tool_messages: bool = False
    _call_kinds: dict[str, CallKind] = Factory(dict)
    _skipped_calls: set[str] = Factory(set)

    def add_stored(self, stored: StoredItem) -> None:
        """Add a stored item; an incomplete call or reasoning item is left out."""
        item = Fields(json.decode(stored.body))
        if is_complete(item) or item_type(item) not in _DROPPED_IF_INCOMPLETE:
            self._read(item, accept_tool_messages=True)

    def add(self, item: Fields) -> None:
        """Add the next item of the request itself.

        Raises:
            FaultError: when it is malformed, of a type that does not exist, a tool output without a call, a reference
                to an unknown item (`item_not_found`), or follows the item that asks for a compaction.
        """
        if self.compaction_trigger is not None:
            raise_wrong_value(self.compaction_trigger, "it must be the last item")
        if item_type(item) == TRIGGER:
            self.compaction_trigger = item.path
            return
        if item_type(item) == _REFERENCE:
            referenced = self._find_reference(item.required_name("id"))
            self.own.append(json.decode(referenced.body))
            self.add_stored(referenced)
            return
        self.own.append(_stored_form(item, self._read(item, self._accept_tool_messages)))

    def _find_reference(self, id: str) -> StoredItem:
        found = self._known.get(id)
        if found is None:
            raise FaultError(errors.not_found("item_not_found", "Item", id, "input"))
        return found

    def _read(self, item: Fields, accept_tool_messages: bool) -> Item | None:
        kind = item_type(item)
        if has_tools(kind, item):
            self.tool_items.append(item)
        if kind == ADDITIONAL_TOOLS:
            return None
        of_tool = accept_tool_messages and tool_messages.is_tool_message(item)
        read = tool_messages.parse_tool_message if of_tool else find_reader(kind, item)
        if read is None:
            self._skip(item)
            return None
        parsed: Item | None = read(item)
        if isinstance(parsed, ToolCall):
            self._call_kinds[parsed.call_id] = parsed.kind
        elif isinstance(parsed, ToolResult):
            parsed = self._with_kind_of_call(parsed, item)
        if isinstance(parsed, Message | ToolResult) and not item.path:
            parsed = _without_paths(parsed)
        if parsed is not None:
            self.items.append(parsed)
        return parsed

    def _with_kind_of_call(self, result: ToolResult, item: Fields) -> ToolResult | None:
        """Return a result with the kind of its call; None if the call was skipped or deleted."""
        kind = self._call_kinds.get(result.call_id)
        if kind is not None:
            return evolve(result, kind=kind)
        if result.call_id in self._skipped_calls or not item.path:
            self._ignore(item)
            return None
        name = "tool_call_id" if tool_messages.is_tool_message(item) else "call_id"
        message = f"No tool call with this '{name}' precedes this output."
        raise FaultError(fault("orphan_tool_output", message, param=item.at(name)))

    def _skip(self, item: Fields) -> None:
        if item.path:
            check_type(item)
        self._ignore(item)
        call_id = item.raw("call_id")
        if isinstance(call_id, str):
            self._skipped_calls.add(call_id)

    def _ignore(self, item: Fields) -> None:
        """List an item as ignored; stored items have no path and were listed in their own request."""
        if item.path:
            self.ignored.append(describe_item(item))


def parse_input(fields: Fields, loaded: LoadedHistory, modes: frozenset[str] = frozenset()) -> InputHistory:
    """Parse `input` after the loaded history.

    Args:
        fields: the request.
        loaded: the history that it continues, and the items that it refers to.
        modes: compatibility modes that are on; stored items are parsed the same in all modes.

    Raises:
        FaultError: with the path of the invalid item, such as `input[3].call_id`.
    """
    history = InputHistory(known=loaded.items, accept_tool_messages=TOOL_MESSAGES in modes)
    for stored in loaded.history or ():
        history.add_stored(stored)
    for item in iterate_items(fields):
        history.add(item)
    history.items = drop_replaced(history.items)
    return history


def parse_references(fields: Fields) -> tuple[str, ...]:
    """Return the ids of the items that `input` refers to.

    Raises:
        FaultError: as `parse_input`, for an invalid item or one without id.
    """
    referenced = (item.required_name("id") for item in iterate_items(fields) if item_type(item) == _REFERENCE)
    return tuple(dict.fromkeys(referenced))


def _without_paths(item: Message | ToolResult) -> Message | ToolResult:
    """Return a stored item without the paths of its images, which are not in the request."""
    if not any(isinstance(part, ImagePart) for part in item.parts):
        return item
    parts = (evolve(part, path=None) if isinstance(part, ImagePart) else part for part in item.parts)
    return evolve(item, parts=tuple(parts))


def _stored_form(item: Fields, parsed: Item | None) -> dict[str, Any]:
    """Return an item in OpenAI's form, which has no tool messages."""
    if isinstance(parsed, ToolResult) and tool_messages.is_tool_message(item):
        return tool_messages.build_output_item(parsed)
    return item.value


def iterate_items(fields: Fields) -> Iterator[Fields]:
    """Yield the items of `input` one by one; a string is one user message.

    Raises:
        FaultError: `missing` or `wrong_type`.
    """
    value = fields.raw("input")
    if value is None and not any(fields.has(name) for name in _HISTORY_FIELDS):
        raise_missing("input")
    if isinstance(value, str):
        text = [{"type": "input_text", "text": value}]
        yield Fields({"type": "message", "role": "user", "content": text}, "input")
    elif isinstance(value, list | None):
        for index, one in enumerate(value or ()):
            yield parse_element("input", index, one)
    else:
        raise_wrong_type("input", "a string or an array of items", value)
