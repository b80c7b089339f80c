"""Assembles tool calls from their fragments.

Servers split calls in many ways: id and index first and the name later, arguments before the name, the name
in parts, id or name repeated in every chunk, several calls one after another, several calls with one index,
calls without ids or indexes, and each call repeated as a whole at the end. Any fragmentation gives the same
calls. A call is opened when its name and id are known and every call before it is open; fragments that arrive
earlier are buffered until then, at the latest until the response ends.
"""

from attrs import define, field

from codexd.backs.chat.chunk_parts import ChunkToolCall
from codexd.backs.chat.event_builder import ChatEventBuilder
from codexd.backs.chat.tool_names import ToolNames
from codexd.backs.items import unwrap_custom_input
from codexd.neutral.event import CallClosed, Event
from codexd.neutral.turn import Tool
from codexd.wire import json
from codexd.wire.json import Json


@define(eq=False, kw_only=True)
class _PartialCall:
    """One call as far as it has arrived.

    Attributes:
        position: its number among the calls of the response, from 0.
        is_final: it was first mentioned at the end of the message.
        is_custom: it arrived as the call of a custom tool.
        name_complete: arguments arrived after the name, so the name has no further parts.
        fragments: the fragments of its arguments.
        index: the index of its item, once opened.
        emitted: the number of fragments emitted.
        repeated: it arrived again as a whole.
        tool: the tool it calls, once opened.
    """

    position: int
    is_final: bool
    id: str = ""
    name: str = ""
    is_custom: bool = False
    name_complete: bool = False
    fragments: list[str] = field(factory=list)
    index: int | None = None
    emitted: int = 0
    repeated: bool = False
    tool: Tool | None = None

    @property
    def arguments(self) -> str:
        return "".join(self.fragments)

    @property
    def decoded_arguments(self) -> Json:
        """The decoded arguments if they are complete, else None; the last fragment usually shows which."""
        last = next((fragment for fragment in reversed(self.fragments) if fragment.strip()), "")
        return _decode_object(self.arguments) if last.rstrip().endswith("}") else None

    @property
    def has_wrapped_input(self) -> bool:
        """Whether this custom tool was called as a function: its input is inside the arguments."""
        return self.tool is not None and self.tool.kind == "custom" and not self.is_custom


class CallAssembler:
    """Assembles the tool calls of one response. True when there is at least one call.

    Args:
        builder: emits the calls.
        names: the names of the offered tools.
        token: the part of generated call ids that identifies the response.

    Attributes:
        has_nameless_call: a call ended without a name, so nobody can carry it out.
    """

    def __init__(self, builder: ChatEventBuilder, names: ToolNames, token: str) -> None:
        self.has_nameless_call = False
        self._builder = builder
        self._names = names
        self._token = token
        self._calls: list[_PartialCall] = []
        self._by_index: dict[int, _PartialCall] = {}
        self._by_id: dict[str, _PartialCall] = {}
        self._opened_count = 0

    def __bool__(self) -> bool:
        return bool(self._calls)

    def add(self, part: ChunkToolCall) -> list[Event]:
        """Add a fragment; return the events that it completes."""
        call = self._find(part)
        if call is None:
            return []
        self._merge(call, part)
        events = self._open_known_calls()
        return events + self._emit_arguments(call)

    def finish(self, cut: bool) -> list[Event]:
        """Open the remaining calls and close all; in a response that was cut, invalid JSON is incomplete."""
        events: list[Event] = []
        for call in self._calls[self._opened_count :]:
            events += self._open(call)
        for call in self._calls:
            events += self._emit_arguments(call, complete=True)
            if call.index is not None:
                events.append(CallClosed(call.index, not cut or json.is_valid(call.arguments)))
        return events

    # Which call a fragment belongs to.

    def _find(self, part: ChunkToolCall) -> _PartialCall | None:
        """Find or create the call of a fragment; None if the fragment repeats a call."""
        call = self._find_known(part)
        if call is not None and not self._is_another(call, part):
            if not _is_repetition(call, part):
                return call
            if part.index is not None or part.id:
                return None
        repeated = self._find_repeated(part) if part.is_final else None
        if repeated is not None:
            repeated.repeated = True
            return None
        return self._create(part)

    def _find_known(self, part: ChunkToolCall) -> _PartialCall | None:
        if part.index is not None:
            by_index = self._by_index.get(part.index)
            by_id = self._by_id.get(part.id)
            # Several calls may share an index; their ids differ.
            return by_id if by_index is not None and by_id is not None else by_index
        if part.id:
            return self._by_id.get(part.id)
        return self._calls[-1] if self._calls else None

    def _is_another(self, call: _PartialCall, part: ChunkToolCall) -> bool:
        """Return whether a fragment cannot belong to the call that its index or position indicates."""
        if part.id and call.id:
            return part.id != call.id
        if not part.name or not call.name:
            return False
        if part.name != call.name and self._names.known >= {part.name, call.name}:
            return True
        # Complete arguments cannot grow: a name with arguments, or without id and index, begins another call.
        begins = bool(part.arguments.strip()) or (part.index is None and not part.id)
        return begins and call.decoded_arguments is not None and not _is_repetition(call, part)

    def _find_repeated(self, part: ChunkToolCall) -> _PartialCall | None:
        """Find the streamed call that a fragment at the end of the message repeats, if any."""
        candidates = (call for call in self._calls if not (call.repeated or call.is_final) and call.name == part.name)
        return next(
            (call for call in candidates if (not part.id or call.id in ("", part.id)) and _is_repetition(call, part)),
            None,
        )

    def _create(self, part: ChunkToolCall) -> _PartialCall:
        call = _PartialCall(position=len(self._calls), is_final=part.is_final)
        self._calls.append(call)
        if part.index is not None:
            self._by_index[part.index] = call
        return call

    # What is known of a call.

    def _merge(self, call: _PartialCall, part: ChunkToolCall) -> None:
        if part.id and not call.id and part.id not in self._by_id:
            call.id = part.id
            self._by_id[part.id] = call
        if part.name and call.index is None:
            call.name = self._join_name(call.name, part.name)
        call.is_custom = call.is_custom or part.is_custom
        if part.arguments:
            call.fragments.append(part.arguments)
            call.name_complete = bool(call.name)

    def _join_name(self, known: str, more: str) -> str:
        """Join the parts of a name, unless the second is the name again."""
        if not known or (more != known and more.startswith(known) and self._names.is_prefix(more)):
            return more
        if known == more and known in self._names.known:
            return known
        return known + more if self._names.is_prefix(known + more) else known

    # Events.

    def _open_known_calls(self) -> list[Event]:
        events: list[Event] = []
        while self._opened_count < len(self._calls):
            call = self._calls[self._opened_count]
            if not (call.id and self._has_complete_name(call)):
                break
            events += self._open(call) + self._emit_arguments(call)
            self._opened_count += 1
        return events

    def _has_complete_name(self, call: _PartialCall) -> bool:
        name = call.name
        if not call.name_complete or (name not in self._names.known and self._names.is_prefix(name)):
            return self._names.is_unambiguous(name)
        return True

    def _open(self, call: _PartialCall) -> list[Event]:
        if not call.name:
            self.has_nameless_call = True
            return []
        call.tool = tool = self._names.find_tool(call.name)
        if tool is None:
            # The call of a tool that was not offered is passed on: the client sees what the model did.
            tool = Tool(name=call.name, kind="custom" if call.is_custom else "function")
        call_id = call.id or f"call_{self._token}{call.position:04x}"
        call.index, events = self._builder.open_call(call_id, tool.name, tool.kind, tool.namespace)
        return events

    def _emit_arguments(self, call: _PartialCall, complete: bool = False) -> list[Event]:
        if call.index is None or call.emitted == len(call.fragments):
            return []
        if call.has_wrapped_input and not complete:
            return []
        text = "".join(call.fragments[call.emitted :])
        call.emitted = len(call.fragments)
        return self._builder.add_arguments(call.index, unwrap_custom_input(text) if call.has_wrapped_input else text)


def _is_repetition(call: _PartialCall, part: ChunkToolCall) -> bool:
    """Return whether a fragment repeats the whole call: complete arguments cannot grow."""
    if not (call.fragments and part.arguments and part.name) or part.name != call.name:
        return False
    if part.is_custom:
        return part.is_final and part.arguments == call.arguments
    arguments = _decode_object(part.arguments) if part.arguments.lstrip().startswith("{") else None
    return arguments is not None and arguments == call.decoded_arguments


def _decode_object(text: str) -> Json:
    """Decode complete arguments; None if the text is not a JSON object."""
    try:
        value = json.decode(text)
    except json.JsonError:
        return None
    return value if isinstance(value, dict) else None
