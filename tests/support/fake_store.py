"""A fake of `IStore` in plain objects that answers at once, unless calls are delayed.

Deleted objects stay in it, marked. `tests/store/test_contract.py` runs the same contract on it and on the
real store.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable
from itertools import count
from typing import Any, TypeVar

from attrs import Factory, define, evolve
from twisted.internet.defer import Deferred
from zope.interface import implementer

from codexd.interfaces import IResponseStore, IStore
from codexd.neutral.fault import FaultError, fault
from codexd.neutral.stored import HistoryQuery, LoadedHistory, StoredConversation, StoredItem, StoredResponse
from codexd.policy.shares import fair_shares
from tests.support.delayed_calls import DelayedCalls

T = TypeVar("T")
Placed = dict[int, StoredItem]


@define(eq=False)
class _Conversation:
    kept: StoredConversation
    touched: float
    items: Placed = Factory(dict)
    deleted: bool = False

    @property
    def position(self) -> int:
        """The position of its last item."""
        return max(self.items, default=0)


@define(eq=False, kw_only=True)
class _Response:
    kept: StoredResponse
    parent: "_Response | None"
    conversation: _Conversation | None
    items: Placed = Factory(dict)
    frames: bytes = b""
    deleted: bool = False

    @property
    def base(self) -> tuple[StoredItem, ...]:
        """The history before its own input."""
        if self.parent is not None:
            return (*self.parent.base, *self.parent.kept.input, *self.parent.kept.output)
        if self.conversation is not None:
            seen = self.kept.position or 0
            return tuple(item for place, item in self.conversation.items.items() if place <= seen)
        return ()


H = TypeVar("H", _Response, _Conversation)


def _latest(holders: list[H], owner: str, id: str | None) -> H | None:
    """Return the holder with this id: the existing one, else the one deleted last."""
    named = [h for h in reversed(holders) if (h.kept.owner, h.kept.id) == (owner, id)]
    return min(named, key=lambda h: h.deleted, default=None)


@implementer(IResponseStore)
class _RequestCalls:
    """The calls of one request to a fake store."""

    def __init__(self, store: "FakeStore", id: str) -> None:
        self._store = store
        self._id = id

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)

        def call(*args: Any, **keywords: Any) -> Any:
            self._store.calling = self._id
            return method(*args, **keywords)

        return call


@implementer(IStore)
class FakeStore(DelayedCalls):
    """Stores responses and conversations in memory.

    Args:
        now: returns the Unix time in seconds, for the age of conversations.

    Attributes:
        calls: the names of the methods called, in order.
        request_ids: for each of them the id of the request that made it; empty for none.
        calling: the id of the request that makes the next call.
    """

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        super().__init__()
        self.calls: list[str] = []
        self.request_ids: list[str] = []
        self.calling = ""
        self._now = now
        self._places = count(1)
        self._responses: list[_Response] = []
        self._conversations: list[_Conversation] = []
        self._failing = 0
        self._recovery: Callable[[], object] = lambda: None
        self._problem: str | None = None

    # Controls for tests, beyond those of DelayedCalls.

    def fail(self, calls: int = 1) -> None:
        """Make the next calls fail without an effect, as on a full disk."""
        self._failing += calls

    def degrade(self, problem: str) -> None:
        """Report a fault of the file."""
        self._problem = problem

    def recover(self) -> None:
        """End the fault of the file."""
        self._problem = None
        self._recovery()

    # IStore

    def problem(self) -> str | None:
        return self._problem

    def on_recovered(self, recovery: Callable[[], object]) -> None:
        self._recovery = recovery

    def for_request(self, id: str) -> IResponseStore:
        return _RequestCalls(self, id)  # type: ignore[abstract, return-value]

    def save_response(self, response: StoredResponse, stream: bytes = b"") -> "Deferred[None]":
        return self._call("save_response", lambda: self._keep(response, stream))

    def load_response(self, owner: str, id: str) -> "Deferred[StoredResponse | None]":
        def work() -> StoredResponse | None:
            answer = self._find_response(owner, id)
            return answer.kept if answer else None

        return self._call("load_response", work)

    def load_stream(self, owner: str, id: str) -> "Deferred[bytes]":
        def work() -> bytes:
            answer = self._find_response(owner, id)
            return answer.frames if answer else b""

        return self._call("load_stream", work)

    def load_history(self, wanted: HistoryQuery) -> "Deferred[LoadedHistory]":
        return self._call("load_history", lambda: self._recall(wanted))

    def load_input_items(self, owner: str, id: str) -> "Deferred[tuple[StoredItem, ...] | None]":
        def work() -> tuple[StoredItem, ...] | None:
            answer = self._find_response(owner, id)
            return (*answer.base, *answer.kept.input) if answer else None

        return self._call("load_input_items", work)

    def delete_response(self, owner: str, id: str) -> "Deferred[bool]":
        def work() -> bool:
            answer = self._find_response(owner, id)
            if answer:
                answer.deleted = True
            return answer is not None

        return self._call("delete_response", work)

    def load_unfinished(self) -> "Deferred[tuple[StoredResponse, ...]]":
        def work() -> tuple[StoredResponse, ...]:
            return tuple(a.kept for a in self._responses if not a.deleted and a.kept.state != "over")

        return self._call("load_unfinished", work)

    def save_conversation(
        self, conversation: StoredConversation, items: tuple[StoredItem, ...] = ()
    ) -> "Deferred[None]":
        def work() -> None:
            entry = self._find_conversation(conversation.owner, conversation.id)
            if entry is None:
                entry = _Conversation(conversation, 0)
                self._conversations.append(entry)
            entry.kept = conversation
            self._add(entry, items)

        return self._call("save_conversation", work)

    def update_conversation(self, conversation: StoredConversation) -> "Deferred[bool]":
        def work() -> bool:
            entry = self._find_conversation(conversation.owner, conversation.id)
            if entry:
                entry.kept = conversation
            return entry is not None

        return self._call("update_conversation", work)

    def append_items(self, owner: str, id: str, items: tuple[StoredItem, ...]) -> "Deferred[bool]":
        def work() -> bool:
            entry = self._find_conversation(owner, id)
            if entry:
                self._add(entry, items)
            return entry is not None

        return self._call("append_items", work)

    def load_conversation(self, owner: str, id: str) -> "Deferred[StoredConversation | None]":
        def work() -> StoredConversation | None:
            entry = self._find_conversation(owner, id)
            return entry.kept if entry else None

        return self._call("load_conversation", work)

    def load_conversation_items(self, owner: str, id: str) -> "Deferred[tuple[StoredItem, ...] | None]":
        def work() -> tuple[StoredItem, ...] | None:
            entry = self._find_conversation(owner, id)
            return tuple(entry.items.values()) if entry else None

        return self._call("load_conversation_items", work)

    def remove_item(self, owner: str, id: str, item: str) -> "Deferred[bool]":
        def work() -> bool:
            entry = self._find_conversation(owner, id)
            if entry is None:
                return False
            places = [place for place, kept in entry.items.items() if kept.id == item]
            for place in places:
                del entry.items[place]
                entry.touched = self._now()
            return bool(places)

        return self._call("remove_item", work)

    def delete_conversation(self, owner: str, id: str) -> "Deferred[bool]":
        def work() -> bool:
            entry = self._find_conversation(owner, id)
            if entry:
                entry.deleted = True
            return entry is not None

        return self._call("delete_conversation", work)

    def prune(self, before: float, most: int) -> "Deferred[int]":
        return self._call("prune", lambda: self._prune(before, most))

    # Implementation.

    def _call(self, name: str, work: Callable[[], T]) -> "Deferred[T]":
        self.calls.append(name)
        self.request_ids.append(self.calling)
        self.calling = ""
        failing, self._failing = self._failing > 0, max(0, self._failing - 1)
        deferred: Deferred[T] = Deferred()

        def answer() -> None:
            if failing:
                deferred.errback(FaultError(fault("store_failed")))
            else:
                deferred.callback(work())

        self._run_or_delay(answer)
        return deferred

    def _find_response(self, owner: str, id: str) -> _Response | None:
        found = [a for a in self._responses if (a.kept.owner, a.kept.id) == (owner, id) and not a.deleted]
        return found[0] if found else None

    def _find_conversation(self, owner: str, id: str) -> _Conversation | None:
        found = [c for c in self._conversations if (c.kept.owner, c.kept.id) == (owner, id) and not c.deleted]
        return found[0] if found else None

    def _keep(self, response: StoredResponse, frames: bytes) -> None:
        answer = self._find_response(response.owner, response.id)
        was_over = answer is not None and answer.kept.state == "over"
        if answer is None:
            answer = self._linked(response)
            self._responses.append(answer)
        answer.kept = evolve(response, position=answer.kept.position)
        answer.items = {next(self._places): item for item in (*response.input, *response.output)}
        answer.frames = frames or answer.frames
        if answer.conversation is not None and not answer.conversation.deleted:
            over = response.state == "over" and not was_over
            self._add(answer.conversation, (*response.input, *response.output) if over else ())

    def _linked(self, response: StoredResponse) -> _Response:
        """Link a new response to what it continues, even if that was deleted in the meantime."""
        parent = _latest(self._responses, response.owner, response.previous)
        entry = _latest(self._conversations, response.owner, response.conversation)
        seen = entry.position if entry is not None and response.position is None else response.position
        return _Response(kept=evolve(response, position=seen), parent=parent, conversation=entry)

    def _add(self, entry: _Conversation, items: Iterable[StoredItem]) -> None:
        """Append items; an item whose id is already there is left out."""
        entry.touched = self._now()
        for item in items:
            if item.id not in {there.id for there in entry.items.values()}:
                entry.items[next(self._places)] = item

    def _recall(self, wanted: HistoryQuery) -> LoadedHistory:
        items = {id: item for id in wanted.references if (item := self._item(wanted.owner, id))}
        if wanted.previous is not None:
            answer = self._find_response(wanted.owner, wanted.previous)
            if answer is None:
                return LoadedHistory(None, items=items)
            history = (*answer.base, *answer.kept.input, *answer.kept.output)
            return LoadedHistory(history, answer.kept.state, items)
        if wanted.conversation is not None:
            entry = self._find_conversation(wanted.owner, wanted.conversation)
            if entry is None:
                return LoadedHistory(None, items=items)
            return LoadedHistory(tuple(entry.items.values()), items=items, position=entry.position)
        return LoadedHistory(items=items)

    def _item(self, owner: str, id: str) -> StoredItem | None:
        holders: list[_Response | _Conversation] = [*self._responses, *self._conversations]
        mine = (holder for holder in holders if holder.kept.owner == owner and not holder.deleted)
        found = [(place, item) for holder in mine for place, item in holder.items.items() if item.id == id]
        return max(found, key=lambda pair: pair[0])[1] if found else None

    def _prune(self, before: float, most: int) -> int:
        living = sorted((a for a in self._responses if not a.deleted), key=lambda a: a.kept.created)
        over = [a for a in living if a.kept.state == "over"]
        pruned = [a for a in over if a.kept.created < before]
        left = [a for a in living if a not in pruned]
        pruned += _excess([a.kept.owner for a in left], [a for a in left if a in over], most)
        for answer in pruned:
            answer.deleted = True
        busy = [a.conversation for a in living if a.kept.state != "over"]
        conversations = [entry for entry in self._conversations if not entry.deleted]
        unused = sorted((entry for entry in conversations if entry not in busy), key=lambda entry: entry.touched)
        old = [entry for entry in unused if entry.touched < before]
        kept = [entry for entry in conversations if entry not in old]
        for entry in old + _excess([e.kept.owner for e in kept], [e for e in unused if e in kept], most):
            entry.deleted = True
        return len(pruned)


def _excess(owners: list[str], oldest: list[H], most: int) -> list[H]:
    """Return the oldest of the owners who have more than their share."""
    counts = Counter(owners)
    shares = fair_shares(counts, most)
    return [
        one
        for owner in counts
        for one in [kept for kept in oldest if kept.kept.owner == owner][: max(0, counts[owner] - shares[owner])]
    ]
