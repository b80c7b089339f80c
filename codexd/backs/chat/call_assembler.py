"""Assembles tool calls from their fragments.

Servers split calls in many ways: id and index first and the name later, arguments before the name, the name
in parts, id or name repeated in every chunk, several calls one after another, several calls with one index or
one id, calls without ids or indexes, an index or an id that changes with every fragment of one call, an empty
object before the arguments, and each call repeated as a whole at the end. Any fragmentation gives the same
calls. A call is opened when its name and id are known and every call before it is open; fragments that arrive
earlier are buffered until then, at the latest until the response ends.
"""

import re
from typing import Final, Optional

from attrs import define, field

from codexd.backs.chat.chunk_parts import ChunkToolCall
from codexd.backs.chat.event_builder import ChatEventBuilder
from codexd.backs.chat.json_progress import JsonProgress
from codexd.backs.chat.state_buffer import StateBuffer
from codexd.backs.chat.tool_names import ToolNames
from codexd.backs.items import unwrap_custom_input
from codexd.neutral.event import CallClosed, Event
from codexd.neutral.turn import Tool
from codexd.wire import json
from codexd.wire.json import Json
from codexd.wire.provider_state import encode_members

_NO_ARGUMENTS: Final = "{}"
_MAYBE_PLACEHOLDER: Final = re.compile(r"\s*(\{\s*\}\s*)?")
"""Arguments that may be those of a call without arguments, or a placeholder for arguments that follow."""

MAX_CALLS: Final = 1024
"""How many calls one response may have: far more than a client runs, so that searching the calls stays cheap."""

_MAX_HELD_FRAGMENTS: Final = 8
"""How many fragments of such arguments are held back."""

_JSON_TOKEN: Final = re.compile(r'"(?:[^"\\]+|\\.)*("?)|[\[\]{}]', re.DOTALL)


@define(eq=False, kw_only=True)
class _PartialCall:
    """One call as far as it has arrived.

    Attributes:
        is_final: it was first mentioned at the end of the message.
        follows: the call that it may continue: it began with arguments, and has no name yet.
        joined_to: the call that it continues, once that is known.
        is_custom: it arrived as the call of a custom tool.
        id: its id as the server sent it.
        id_is_taken: another call has the same id.
        name_complete: arguments arrived after the name, so the name has no further parts.
        fragments: the fragments of its arguments.
        index: the index of its item, once opened.
        emitted: the number of fragments emitted.
        repeated: it arrived again as a whole.
        tool: the tool it calls, once opened.
        call_id: its id as the client gets it, once opened.
        state: the state of the model that it contains.
    """

    is_final: bool
    follows: Optional["_PartialCall"] = None
    joined_to: Optional["_PartialCall"] = None
    id: str = ""
    id_is_taken: bool = False
    name: str = ""
    is_custom: bool = False
    name_complete: bool = False
    fragments: list[str] = field(factory=list)
    index: int | None = None
    emitted: int = 0
    repeated: bool = False
    tool: Tool | None = None
    call_id: str = ""
    state: StateBuffer = field(factory=StateBuffer)
    _joined: tuple[int, str] = (0, "")
    _progress: JsonProgress = field(factory=JsonProgress)
    _followed: int = 0
    _size: int = 0
    _decoded: tuple[int, Json] = (0, None)

    @property
    def arguments(self) -> str:
        count = len(self.fragments)
        if self._joined[0] != count:
            self._joined = count, "".join(self.fragments)
        return self._joined[1]

    @property
    def decoded_arguments(self) -> Json:
        """The decoded arguments if they are complete, else None."""
        count = len(self.fragments)
        if self._followed < count:
            self._follow(self.fragments[self._followed :])
        if not self._progress.complete:
            return None
        if self._decoded[0] != count:
            self._decoded = count, _decode_object(self.arguments)
        return self._decoded[1]

    @property
    def size(self) -> int:
        """The number of characters of the arguments."""
        self._follow(self.fragments[self._followed :])
        return self._size

    def _follow(self, fragments: list[str]) -> None:
        for fragment in fragments:
            self._progress.feed(fragment)
            self._size += len(fragment)
        self._followed = len(self.fragments)

    def drop_arguments(self) -> None:
        """Forget the arguments so far, which were a placeholder."""
        self.fragments.clear()
        self._joined, self._decoded, self._progress = (0, ""), (0, None), JsonProgress()
        self._followed = self._size = 0

    @property
    def may_grow(self) -> bool:
        """Whether arguments without a name can belong to this call."""
        return self.is_custom or self.decoded_arguments is None or self.has_placeholder

    @property
    def has_placeholder(self) -> bool:
        """Whether its arguments are an empty object, which more arguments replace."""
        return bool(self.name) and self.is_held_back and self.arguments.rstrip().endswith("}")

    @property
    def is_held_back(self) -> bool:
        """Whether its arguments must not be emitted before it is known what follows them."""
        if self.emitted or self.is_custom or len(self.fragments) > _MAX_HELD_FRAGMENTS:
            return False
        return _MAYBE_PLACEHOLDER.fullmatch(self.arguments) is not None

    @property
    def is_cut(self) -> bool:
        """Whether its arguments are the beginning of a JSON value."""
        return not self.is_custom and _is_half_json(self.arguments)

    @property
    def is_placeholder(self) -> bool:
        """Whether nothing of a call has arrived, except perhaps an id."""
        return not (self.name or self.is_custom or self.arguments.strip())

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
        state_fields: the members of calls that contain state of the model.

    Attributes:
        has_nameless_call: a call ended without a name, so nobody can carry it out.
    """

    def __init__(
        self, builder: ChatEventBuilder, names: ToolNames, token: str, state_fields: tuple[str, ...] = ()
    ) -> None:
        self.has_nameless_call = False
        self._builder = builder
        self._names = names
        self._token = token
        self._state_fields = state_fields
        self._calls: list[_PartialCall] = []
        self._by_place: dict[tuple[int, int], _PartialCall] = {}
        self._by_index: dict[int, _PartialCall] = {}
        self._by_id: dict[str, _PartialCall] = {}
        self._opened_count = 0
        self._position = 0

    def __bool__(self) -> bool:
        return any(not call.is_placeholder for call in self._calls)

    @property
    def too_many(self) -> bool:
        """Whether there are more calls than MAX_CALLS."""
        return len(self._calls) > MAX_CALLS

    def add(self, part: ChunkToolCall) -> list[Event]:
        """Add a fragment; return the events that it completes."""
        if part.index is None and not (part.id or part.name or part.arguments):
            return []
        call = self._find(part)
        if call is None:
            return []
        self._merge(call, part)
        events = self._open_known_calls()
        return events + self._emit_arguments(call)

    def is_cut(self) -> bool:
        """Return whether the arguments of a call end in their middle; no fragment may follow."""
        self._join_continuations()
        return any(call.is_cut for call in self._calls)

    def finish(self, cut: bool) -> list[Event]:
        """Open the remaining calls and close all; in a response that was cut, invalid JSON is incomplete."""
        self._join_continuations()
        events: list[Event] = []
        for call in self._calls[self._opened_count :]:
            events += self._open(call)
        for call in self._calls:
            if call.tool is not None and call.tool.kind == "function" and not (cut or call.arguments.strip()):
                call.drop_arguments()
                call.fragments.append(_NO_ARGUMENTS)
            events += self._emit_arguments(call, complete=True)
            if call.index is not None:
                events.append(CallClosed(call.index, not cut or json.is_valid(call.arguments)))
        return events

    @property
    def state(self) -> dict[str, dict[str, Json]]:
        """The state of the model in the calls, by call id."""
        return {call.call_id: call.state.build() for call in self._calls if call.state and call.call_id}

    # Which call a fragment belongs to.

    def _find(self, part: ChunkToolCall) -> _PartialCall | None:
        """Find or create the call of a fragment; None if the fragment repeats a call."""
        call = _current(self._find_known(part))
        if call is not None and not self._is_another(call, part):
            if not _is_repetition(call, part):
                return call
            if part.index is not None or part.id:
                self._add_state(call, part)
                return None
        repeated = self._find_repeated(part) if part.is_final else None
        if repeated is not None:
            repeated.repeated = True
            self._add_state(repeated, part)
            return None
        return self._find_continued(part) or self._create(part)

    def _find_known(self, part: ChunkToolCall) -> _PartialCall | None:
        if part.index is not None:
            by_place = self._by_place.get((part.choice, part.index)) or self._by_index.get(part.index)
            if by_place is not None and part.id and by_place.id not in ("", part.id):
                # Several calls may share an index; their ids differ.
                return self._by_id.get(part.id, by_place)
            return by_place
        if part.id:
            return self._by_id.get(part.id)
        return self._calls[-1] if self._calls else None

    def _is_another(self, call: _PartialCall, part: ChunkToolCall) -> bool:
        """Return whether a fragment cannot belong to the call that its index, id or position indicates."""
        if part.id and call.id and part.id != call.id:
            # Some servers send a new id with every fragment of a call.
            if part.name or not (call.name and part.arguments.strip()):
                return True
            return part.arguments.lstrip().startswith("{") and not call.may_grow
        if not part.name or not call.name:
            return False
        if part.name != call.name and self._names.known >= {part.name, call.name}:
            return not (part.id and part.name.startswith(call.name) and not call.name_complete)
        # Complete arguments cannot grow: a name with arguments, or without id and index, begins another call.
        begins = bool(part.arguments.strip()) or (part.index is None and not part.id)
        if not begins or call.decoded_arguments is None or _is_repetition(call, part):
            return False
        return not (part.id and part.name == call.name and call.has_placeholder)

    def _find_continued(self, part: ChunkToolCall) -> _PartialCall | None:
        """Find the call whose arguments a fragment continues that has no name, and an index or id of its own."""
        if part.name or not part.arguments.strip():
            return None
        named = _current(self._by_id.get(part.id))
        if named is not None and named.may_grow:
            return named
        call = self._calls[-1] if self._calls else None
        begins = part.arguments.lstrip().startswith("{") and not part.is_custom
        while call is not None and not begins and not call.may_grow:
            # A call cannot begin with this, so the call before it was a continuation, too.
            joined = self._join_continuation(call)
            if joined is not None:
                self._calls.remove(call)
            call = joined
        if call is None or begins or not (call.name or call.follows):
            return None
        return call

    def _find_repeated(self, part: ChunkToolCall) -> _PartialCall | None:
        """Find the streamed call that a fragment at the end of the message repeats, if any."""
        candidates = (call for call in self._calls if not (call.repeated or call.is_final) and call.name == part.name)
        return next(
            (call for call in candidates if (not part.id or call.id in ("", part.id)) and _is_repetition(call, part)),
            None,
        )

    def _create(self, part: ChunkToolCall) -> _PartialCall:
        last = self._calls[-1] if self._calls else None
        follows = last if last is not None and not part.name and (last.name or last.follows) and last.may_grow else None
        call = _PartialCall(is_final=part.is_final, follows=follows)
        self._calls.append(call)
        if part.index is not None:
            self._by_place[part.choice, part.index] = self._by_index[part.index] = call
        return call

    def _join_continuations(self) -> None:
        """Join the calls that got no name with those they continue."""
        for call in reversed(self._calls[self._opened_count :]):
            self._join_continuation(call)
        self._calls = [call for call in self._calls if call.joined_to is None]

    def _join_continuation(self, call: _PartialCall) -> _PartialCall | None:
        """Add the arguments of a call to the one that it continues; return that call, if any."""
        continued = call.follows
        if continued is None or call.name:
            return None
        if continued.has_placeholder and call.arguments.strip():
            continued.drop_arguments()
        continued.fragments += call.fragments
        continued.state.add(call.state.build())
        call.joined_to = continued
        return continued

    # What is known of a call.

    def _merge(self, call: _PartialCall, part: ChunkToolCall) -> None:
        if part.id and not call.id:
            call.id = part.id
            call.id_is_taken = part.id in self._by_id
            self._by_id[part.id] = call
        if part.name and call.index is None:
            call.name = self._join_name(call.name, part.name)
        call.is_custom = call.is_custom or part.is_custom
        self._add_state(call, part)
        if part.arguments:
            if not call.emitted and part.arguments.strip() and call.has_placeholder:
                call.drop_arguments()
            call.fragments.append(part.arguments)
            call.name_complete = bool(call.name)

    def _add_state(self, call: _PartialCall, part: ChunkToolCall) -> None:
        if part.state:
            members = {name: value for name, value in part.state.items() if name in self._state_fields}
            call.state.add(members, complete=part.is_final)

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
        if call.is_placeholder:
            return []
        if not call.name:
            self.has_nameless_call = True
            return []
        tool = self._names.find_tool(call.name)
        if tool is None:
            # The call of a tool that was not offered is passed on: the client sees what the model did.
            tool = Tool(name=call.name, kind="custom" if call.is_custom else "function")
        call.tool = tool
        call.call_id = call.id if call.id and not call.id_is_taken else f"call_{self._token}{self._position:04x}"
        self._position += 1
        state = encode_members(call.state.build())
        call.index, events = self._builder.open_call(call.call_id, tool.name, tool.kind, tool.namespace, state)
        return events

    def _emit_arguments(self, call: _PartialCall, complete: bool = False) -> list[Event]:
        if call.index is None or call.emitted == len(call.fragments):
            return []
        if not complete and (call.has_wrapped_input or (not call.emitted and call.is_held_back)):
            return []
        text = "".join(call.fragments[call.emitted :])
        call.emitted = len(call.fragments)
        return self._builder.add_arguments(call.index, unwrap_custom_input(text) if call.has_wrapped_input else text)


def _current(call: _PartialCall | None) -> _PartialCall | None:
    """Return the call that a call is part of by now."""
    while call is not None and call.joined_to is not None:
        call = call.joined_to
    return call


def _is_repetition(call: _PartialCall, part: ChunkToolCall) -> bool:
    """Return whether a fragment repeats the whole call: complete arguments cannot grow."""
    if not (call.fragments and part.arguments and part.name) or part.name != call.name:
        return False
    if part.is_custom:
        return part.is_final and len(part.arguments) == call.size and part.arguments == call.arguments
    arguments = _decode_object(part.arguments) if part.arguments.lstrip().startswith("{") else None
    return arguments is not None and arguments == call.decoded_arguments


def _decode_object(text: str) -> Json:
    """Decode complete arguments; None if the text is not a JSON object."""
    try:
        value = json.decode(text)
    except json.JsonError:
        return None
    return value if isinstance(value, dict) else None


def _is_half_json(text: str) -> bool:
    """Return whether a text is the beginning of a JSON array or object that does not end."""
    if not text.lstrip().startswith(("{", "[")) or json.is_valid(text):
        return False
    depth = 0
    for token in _JSON_TOKEN.finditer(text):
        if token[0].startswith('"'):
            if not token[1]:
                return True
        else:
            depth += 1 if token[0] in "[{" else -1
    return depth > 0
