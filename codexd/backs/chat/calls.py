"""Tool calls out of their fragments.

A call may come in any pieces: id and index first and the name later, arguments before the name, the name in
parts, id or name again in every chunk, several calls in turn, calls under one index, without ids or without
indexes, and once more as a whole at the end. Whatever the pieces, the same calls are said. A call is opened
when its name and its id are known and every call before it is open; what is known earlier waits for that, at
the latest until the answer ends.
"""

from attrs import define, field

from codexd.backs.chat.names import Names
from codexd.backs.chat.pieces import CallPiece
from codexd.backs.chat.speech import Speech
from codexd.backs.items import custom_input
from codexd.neutral.event import CallClosed, Event
from codexd.neutral.turn import Tool
from codexd.wire import json
from codexd.wire.json import Json


@define(eq=False)
class _Call:
    """One call as far as it is known.

    Attributes:
        late: it came with the end of the message, and not before.
        argued: arguments came after the name, which is whole then.
        index: the item's, once it was opened.
        said: how many of its pieces were said.
        repeated: it came once more as a whole.
    """

    position: int
    late: bool
    id: str = ""
    name: str = ""
    native: bool = False
    argued: bool = False
    pieces: list[str] = field(factory=list)
    index: int | None = None
    said: int = 0
    repeated: bool = False
    tool: Tool | None = None

    @property
    def arguments(self) -> str:
        return "".join(self.pieces)

    @property
    def object(self) -> Json:
        """The arguments, decoded, if they are whole; None if not, which mostly their last piece tells."""
        last = next((piece for piece in reversed(self.pieces) if piece.strip()), "")
        return _object(self.arguments) if last.rstrip().endswith("}") else None

    @property
    def wrapped(self) -> bool:
        """A custom tool's call that came as a function's: its input is inside the arguments."""
        return self.tool is not None and self.tool.kind == "custom" and not self.native


class Calls:
    """The calls of one answer.

    Attributes:
        nameless: a call ended without a name: nobody could carry it out.
    """

    def __init__(self, speech: Speech, names: Names, token: str) -> None:
        self.nameless = False
        self._speech = speech
        self._names = names
        self._token = token
        self._calls: list[_Call] = []
        self._by_index: dict[int, _Call] = {}
        self._by_id: dict[str, _Call] = {}
        self._opened = 0

    def __bool__(self) -> bool:
        return bool(self._calls)

    def take(self, piece: CallPiece) -> list[Event]:
        """Take a fragment; say what it completes."""
        call = self._find(piece)
        if call is None:
            return []
        self._learn(call, piece)
        said = self._open_those_known()
        return said + self._argue(call)

    def finish(self, cut: bool) -> list[Event]:
        """Open what is left and close everything; a call that was cut short is not complete."""
        said: list[Event] = []
        for call in self._calls[self._opened :]:
            said += self._open(call)
        for call in self._calls:
            said += self._argue(call, whole=True)
            if call.index is not None:
                said.append(CallClosed(call.index, not cut or json.is_valid(call.arguments)))
        return said

    # Which call a piece belongs to.

    def _find(self, piece: CallPiece) -> _Call | None:
        """Find the call, or make it; None for the repetition of one."""
        call = self._known(piece)
        if call is not None and not self._is_another(call, piece):
            if not _is_repetition(call, piece):
                return call
            if piece.index is not None or piece.id:
                return None
        twin = self._twin(piece) if piece.last else None
        if twin is not None:
            twin.repeated = True
            return None
        return self._new(piece)

    def _known(self, piece: CallPiece) -> _Call | None:
        if piece.index is not None:
            known = self._by_index.get(piece.index)
            other = self._by_id.get(piece.id)
            # Under one index several calls may come; their ids tell them apart.
            return other if known is not None and other is not None else known
        if piece.id:
            return self._by_id.get(piece.id)
        return self._calls[-1] if self._calls else None

    def _is_another(self, call: _Call, piece: CallPiece) -> bool:
        """Tell whether a piece cannot be of the call that its index, or its place, points to."""
        if piece.id and call.id:
            return piece.id != call.id
        if not piece.name or not call.name:
            return False
        if piece.name != call.name and self._names.known >= {piece.name, call.name}:
            return True
        # To whole arguments nothing can be added: a name with more of them, or by itself, is the next call's.
        beginning = bool(piece.arguments.strip()) or (piece.index is None and not piece.id)
        return beginning and call.object is not None and not _is_repetition(call, piece)

    def _twin(self, piece: CallPiece) -> _Call | None:
        """Find the call, streamed before, that the end of the message repeats, if it does."""
        candidates = (
            call for call in self._calls if not (call.repeated or call.late) and call.name == piece.name
        )
        return next(
            (
                call
                for call in candidates
                if (not piece.id or call.id in ("", piece.id)) and _is_repetition(call, piece)
            ),
            None,
        )

    def _new(self, piece: CallPiece) -> _Call:
        call = _Call(len(self._calls), late=piece.last)
        self._calls.append(call)
        if piece.index is not None:
            self._by_index[piece.index] = call
        return call

    # What is known of a call.

    def _learn(self, call: _Call, piece: CallPiece) -> None:
        if piece.id and not call.id and piece.id not in self._by_id:
            call.id = piece.id
            self._by_id[piece.id] = call
        if piece.name and call.index is None:
            call.name = self._longer_name(call.name, piece.name)
        call.native = call.native or piece.native
        if piece.arguments:
            call.pieces.append(piece.arguments)
            call.argued = bool(call.name)

    def _longer_name(self, known: str, more: str) -> str:
        """Join the parts of a name, unless it came again."""
        if not known or (more != known and more.startswith(known) and self._names.begins(more)):
            return more
        if known == more and known in self._names.known:
            return known
        return known + more if self._names.begins(known + more) else known

    # What is said.

    def _open_those_known(self) -> list[Event]:
        said: list[Event] = []
        while self._opened < len(self._calls):
            call = self._calls[self._opened]
            if not (call.id and self._is_named(call)):
                break
            said += self._open(call) + self._argue(call)
            self._opened += 1
        return said

    def _is_named(self, call: _Call) -> bool:
        """Tell whether a call's name is known to its end."""
        name = call.name
        if not call.argued or (name not in self._names.known and self._names.begins(name)):
            return self._names.whole(name)
        return True

    def _open(self, call: _Call) -> list[Event]:
        if not call.name:
            self.nameless = True
            return []
        call.tool = tool = self._names.tool(call.name)
        if tool is None:
            # A tool that nobody offered: the client sees what the model did.
            tool = Tool(call.name, kind="custom" if call.native else "function")
        call_id = call.id or f"call_{self._token}{call.position:04x}"
        call.index, said = self._speech.call(call_id, tool.name, tool.kind, tool.namespace)
        return said

    def _argue(self, call: _Call, whole: bool = False) -> list[Event]:
        if call.index is None or call.said == len(call.pieces):
            return []
        if call.wrapped and not whole:
            return []
        fresh = "".join(call.pieces[call.said :])
        call.said = len(call.pieces)
        return self._speech.argue(call.index, custom_input(fresh) if call.wrapped else fresh)


def _is_repetition(call: _Call, piece: CallPiece) -> bool:
    """Tell whether a piece says the whole call once more: to whole arguments nothing can be added."""
    if not (call.pieces and piece.arguments and piece.name) or piece.name != call.name:
        return False
    if piece.native:
        return piece.last and piece.arguments == call.arguments
    found = _object(piece.arguments) if piece.arguments.lstrip().startswith("{") else None
    return found is not None and found == call.object


def _object(text: str) -> Json:
    """Decode whole arguments; None if they are something else."""
    try:
        found = json.decode(text)
    except json.Malformed:
        return None
    return found if isinstance(found, dict) else None
