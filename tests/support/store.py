"""A store that keeps everything in plain objects (a verified fake of IResponseStore).

It answers at once, unless told otherwise. Nothing is ever taken away in it: what is deleted is only hidden.
`tests/store/test_contract.py` holds it and the real one to the same contract.
"""

import time
from collections.abc import Callable, Iterable
from itertools import count
from typing import TypeVar

from attrs import Factory, define, evolve
from twisted.internet.defer import Deferred
from zope.interface import implementer

from codexd.interfaces import IResponseStore
from codexd.neutral.fault import Refused, fault
from codexd.neutral.kept import KeptConversation, KeptItem, KeptResponse, Recalled, Wanted

T = TypeVar("T")
Placed = dict[int, KeptItem]


@define(eq=False)
class _Conversation:
    kept: KeptConversation
    touched: float
    items: Placed = Factory(dict)
    gone: bool = False

    @property
    def seen(self) -> int:
        """Say how far it has come: the place of its last item."""
        return max(self.items, default=0)


@define(eq=False)
class _Answer:
    kept: KeptResponse
    parent: "_Answer | None"
    room: _Conversation | None
    items: Placed = Factory(dict)
    frames: bytes = b""
    gone: bool = False

    @property
    def base(self) -> tuple[KeptItem, ...]:
        """Give what came before its own input."""
        if self.parent is not None:
            return (*self.parent.base, *self.parent.kept.input, *self.parent.kept.output)
        if self.room is not None:
            seen = self.kept.seen or 0
            return tuple(item for place, item in self.room.items.items() if place <= seen)
        return ()


H = TypeVar("H", _Answer, _Conversation)


def _latest(holders: list[H], owner: str, id: str | None) -> H | None:
    """Find what goes by this id: what is there, else what was deleted last."""
    named = [h for h in reversed(holders) if (h.kept.owner, h.kept.id) == (owner, id)]
    return min(named, key=lambda h: h.gone, default=None)


@implementer(IResponseStore)
class FakeStore:
    """Keeps answers and conversations while it lives.

    Args:
        now: Unix time in seconds, for the age of conversations.

    Attributes:
        calls: the names of all that was called, in order.
    """

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self.calls: list[str] = []
        self._now = now
        self._places = count(1)
        self._answers: list[_Answer] = []
        self._conversations: list[_Conversation] = []
        self._failing = 0
        self._held = False
        self._waiting: list[Callable[[], None]] = []

    # What a test says.

    def hold(self) -> None:
        """Let calls wait from now on, and take effect when they are released."""
        self._held = True

    def release(self) -> None:
        """Answer what waits, in order, and what comes from now on at once."""
        self._held = False
        while self._waiting and not self._held:
            self._waiting.pop(0)()

    def fail(self, calls: int = 1) -> None:
        """Let the next calls fail, as on a full disk, and change nothing."""
        self._failing += calls

    @property
    def waiting(self) -> int:
        """Tell how many calls wait."""
        return len(self._waiting)

    # IResponseStore

    def keep(self, response: KeptResponse, frames: bytes = b"") -> "Deferred[None]":
        return self._call("keep", lambda: self._keep(response, frames))

    def response(self, owner: str, id: str) -> "Deferred[KeptResponse | None]":
        def work() -> KeptResponse | None:
            answer = self._living(owner, id)
            return answer.kept if answer else None

        return self._call("response", work)

    def frames(self, owner: str, id: str) -> "Deferred[bytes]":
        def work() -> bytes:
            answer = self._living(owner, id)
            return answer.frames if answer else b""

        return self._call("frames", work)

    def recall(self, wanted: Wanted) -> "Deferred[Recalled]":
        return self._call("recall", lambda: self._recall(wanted))

    def input_items(self, owner: str, id: str) -> "Deferred[tuple[KeptItem, ...] | None]":
        def work() -> tuple[KeptItem, ...] | None:
            answer = self._living(owner, id)
            return (*answer.base, *answer.kept.input) if answer else None

        return self._call("input_items", work)

    def delete(self, owner: str, id: str) -> "Deferred[bool]":
        def work() -> bool:
            answer = self._living(owner, id)
            if answer:
                answer.gone = True
            return answer is not None

        return self._call("delete", work)

    def unfinished(self) -> "Deferred[tuple[KeptResponse, ...]]":
        def work() -> tuple[KeptResponse, ...]:
            return tuple(a.kept for a in self._answers if not a.gone and a.kept.standing != "over")

        return self._call("unfinished", work)

    def converse(self, conversation: KeptConversation, items: tuple[KeptItem, ...] = ()) -> "Deferred[None]":
        def work() -> None:
            room = self._room(conversation.owner, conversation.id)
            if room is None:
                room = _Conversation(conversation, 0)
                self._conversations.append(room)
            room.kept = conversation
            self._add(room, items)

        return self._call("converse", work)

    def amend(self, conversation: KeptConversation) -> "Deferred[bool]":
        def work() -> bool:
            room = self._room(conversation.owner, conversation.id)
            if room:
                room.kept = conversation
            return room is not None

        return self._call("amend", work)

    def add(self, owner: str, id: str, items: tuple[KeptItem, ...]) -> "Deferred[bool]":
        def work() -> bool:
            room = self._room(owner, id)
            if room:
                self._add(room, items)
            return room is not None

        return self._call("add", work)

    def conversation(self, owner: str, id: str) -> "Deferred[KeptConversation | None]":
        def work() -> KeptConversation | None:
            room = self._room(owner, id)
            return room.kept if room else None

        return self._call("conversation", work)

    def conversation_items(self, owner: str, id: str) -> "Deferred[tuple[KeptItem, ...] | None]":
        def work() -> tuple[KeptItem, ...] | None:
            room = self._room(owner, id)
            return tuple(room.items.values()) if room else None

        return self._call("conversation_items", work)

    def take_out(self, owner: str, id: str, item: str) -> "Deferred[bool]":
        def work() -> bool:
            room = self._room(owner, id)
            if room is None:
                return False
            places = [place for place, kept in room.items.items() if kept.id == item]
            for place in places:
                del room.items[place]
                room.touched = self._now()
            return bool(places)

        return self._call("take_out", work)

    def end_conversation(self, owner: str, id: str) -> "Deferred[bool]":
        def work() -> bool:
            room = self._room(owner, id)
            if room:
                room.gone = True
            return room is not None

        return self._call("end_conversation", work)

    def prune(self, before: float, most: int) -> "Deferred[int]":
        return self._call("prune", lambda: self._prune(before, most))

    # How it does it.

    def _call(self, name: str, work: Callable[[], T]) -> "Deferred[T]":
        self.calls.append(name)
        failing, self._failing = self._failing > 0, max(0, self._failing - 1)
        deferred: Deferred[T] = Deferred()

        def answer() -> None:
            if failing:
                deferred.errback(Refused(fault("store_failed")))
            else:
                deferred.callback(work())

        self._waiting.append(answer)
        if not self._held:
            self.release()
        return deferred

    def _living(self, owner: str, id: str) -> _Answer | None:
        found = [a for a in self._answers if (a.kept.owner, a.kept.id) == (owner, id) and not a.gone]
        return found[0] if found else None

    def _room(self, owner: str, id: str) -> _Conversation | None:
        found = [c for c in self._conversations if (c.kept.owner, c.kept.id) == (owner, id) and not c.gone]
        return found[0] if found else None

    def _keep(self, response: KeptResponse, frames: bytes) -> None:
        answer = self._living(response.owner, response.id)
        was_over = answer is not None and answer.kept.standing == "over"
        if answer is None:
            answer = self._linked(response)
            self._answers.append(answer)
        answer.kept = evolve(response, seen=answer.kept.seen)
        answer.items = {next(self._places): item for item in (*response.input, *response.output)}
        answer.frames = frames or answer.frames
        if answer.room is not None and not answer.room.gone:
            over = response.standing == "over" and not was_over
            self._add(answer.room, (*response.input, *response.output) if over else ())

    def _linked(self, response: KeptResponse) -> _Answer:
        """Settle what an answer goes on from: also what was deleted while it was being made."""
        parent = _latest(self._answers, response.owner, response.previous)
        room = _latest(self._conversations, response.owner, response.conversation)
        seen = room.seen if room is not None and response.seen is None else response.seen
        return _Answer(evolve(response, seen=seen), parent, room)

    def _add(self, room: _Conversation, items: Iterable[KeptItem]) -> None:
        """Put items at the end; one whose id is there already stays as and where it is."""
        room.touched = self._now()
        for item in items:
            if item.id not in {there.id for there in room.items.values()}:
                room.items[next(self._places)] = item

    def _recall(self, wanted: Wanted) -> Recalled:
        items = {id: item for id in wanted.references if (item := self._item(wanted.owner, id))}
        if wanted.previous is not None:
            answer = self._living(wanted.owner, wanted.previous)
            if answer is None:
                return Recalled(None, items=items)
            history = (*answer.base, *answer.kept.input, *answer.kept.output)
            return Recalled(history, answer.kept.standing, items)
        if wanted.conversation is not None:
            room = self._room(wanted.owner, wanted.conversation)
            if room is None:
                return Recalled(None, items=items)
            return Recalled(tuple(room.items.values()), items=items, seen=room.seen)
        return Recalled(items=items)

    def _item(self, owner: str, id: str) -> KeptItem | None:
        holders: list[_Answer | _Conversation] = [*self._answers, *self._conversations]
        mine = (holder for holder in holders if holder.kept.owner == owner and not holder.gone)
        found = [(place, item) for holder in mine for place, item in holder.items.items() if item.id == id]
        return max(found, key=lambda pair: pair[0])[1] if found else None

    def _prune(self, before: float, most: int) -> int:
        living = sorted((a for a in self._answers if not a.gone), key=lambda a: a.kept.created)
        over = [a for a in living if a.kept.standing == "over"]
        old = [a for a in over if a.kept.created < before]
        pruned = over[: max(len(old), len(living) - most)]
        for answer in pruned:
            answer.gone = True
        busy = [a.room for a in living if a.kept.standing != "over"]
        rooms = [room for room in self._conversations if not room.gone]
        unused = sorted((room for room in rooms if room not in busy), key=lambda room: room.touched)
        for place, room in enumerate(unused):
            room.gone = place < len(rooms) - most or room.touched < before
        return len(pruned)
