"""The `input` of a Responses request: a string, or items; to the neutral history.

Clients replay output items as they came, further members included: what is not understood is passed over. An
item of an unknown type is named in `ignored`, not refused.
"""

from collections.abc import Callable
from typing import Final, cast

from attrs import Factory, define

from codexd.fronts.reading import Fields, entry, missing, unsupported, wrong_type
from codexd.fronts.vocabulary import parts
from codexd.neutral.fault import Refused, fault
from codexd.neutral.turn import Item, Message, Reasoning, Role, TextPart, ToolCall, ToolResult

ROLES: Final = ("user", "assistant", "system", "developer")


@define
class History:
    """The items of an input while they are read.

    Attributes:
        items: what was understood, in order.
        ignored: the paths of the items that were not.
    """

    items: list[Item] = Factory(list)
    ignored: list[str] = Factory(list)
    _called: set[str] = Factory(set)
    _passed_over: set[str] = Factory(set)

    def take(self, item: Fields) -> None:
        """Read the next item.

        Raises:
            Refused: when it is malformed, or a tool's output for a call that was never made.
        """
        read = _ITEMS.get(_kind(item))
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
        self.ignored.append(item.path)
        call_id = item.raw("call_id")
        if isinstance(call_id, str):
            self._passed_over.add(call_id)

    def _unasked(self, item: Fields, call_id: str) -> None:
        """Refuse a result without its call; one whose call was passed over goes the same way."""
        if call_id in self._passed_over:
            self.ignored.append(item.path)
            return
        message = "No tool call of this 'call_id' comes before this output."
        raise Refused(fault("orphan_tool_output", message, param=item.at("call_id")))


def read(fields: Fields) -> History:
    """Read `input`.

    Raises:
        Refused: with the path of the item at fault, such as `input[3].call_id`.
    """
    history = History()
    value = fields.raw("input")
    if value is None:
        missing("input")
    if isinstance(value, str):
        history.items.append(Message("user", (TextPart(value),)))
    elif isinstance(value, list):
        for index, one in enumerate(value):
            history.take(entry("input", index, one))
    else:
        wrong_type("input", "a string or an array of items", value)
    return history


def _kind(item: Fields) -> str:
    """Tell an item's type; a message and a reference may leave it out."""
    bare = "item_reference" if item.has("id") and not item.has("role") else "message"
    return item.text("type") or bare


def _whole(item: Fields) -> bool:
    return item.raw("status") not in ("incomplete", "in_progress")


def _message(item: Fields) -> Message:
    role = cast(Role, item.required_choice("role", ROLES))
    return Message(role, parts(item, "content"), item.text("phase"), item.text("id"), _whole(item))


def _function_call(item: Fields) -> ToolCall:
    return ToolCall(
        item.required_name("call_id"),
        item.required_name("name"),
        item.required_text("arguments"),
        namespace=item.text("namespace"),
        id=item.text("id"),
        complete=_whole(item),
    )


def _custom_call(item: Fields) -> ToolCall:
    return ToolCall(
        item.required_name("call_id"),
        item.required_name("name"),
        item.required_text("input"),
        "custom",
        item.text("namespace"),
        item.text("id"),
        _whole(item),
    )


def _function_result(item: Fields) -> ToolResult:
    return ToolResult(item.required_name("call_id"), parts(item, "output"))


def _custom_result(item: Fields) -> ToolResult:
    return ToolResult(item.required_name("call_id"), parts(item, "output"), "custom")


def _texts(item: Fields, name: str) -> tuple[str, ...]:
    return tuple(part.required_text("text") for part in item.objects(name))


def _reasoning(item: Fields) -> Reasoning:
    return Reasoning(
        _texts(item, "summary"),
        _texts(item, "content"),
        item.text("encrypted_content"),
        item.text("id"),
        _whole(item),
    )


def _reference(item: Fields) -> Item:
    unsupported(item.path, "Responses are not stored here; send the item itself instead of a reference.")


_ITEMS: Final[dict[str, Callable[[Fields], Item]]] = {
    "message": _message,
    "function_call": _function_call,
    "function_call_output": _function_result,
    "custom_tool_call": _custom_call,
    "custom_tool_call_output": _custom_result,
    "reasoning": _reasoning,
    "item_reference": _reference,
}
