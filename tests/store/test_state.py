"""Whatever is asked of it in whatever order, the store answers as one that keeps all in plain objects.

The real one is closed and opened again now and then: what it keeps may not live in its memory only.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path
from shutil import rmtree
from typing import Any

from attrs import define, evolve
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from codexd.interfaces import IResponseStore
from codexd.neutral.kept import KeptConversation, KeptItem, KeptResponse, Standing, Wanted
from codexd.observe.metrics import Metrics
from codexd.settings import Responses
from codexd.store.service import LENT_SECONDS, Store
from tests.support.store import FakeStore
from tests.support.tables import MEMORY, InlineExecutor, opened

Said = tuple[KeptItem, ...]
OWNERS = ("me", "you")
# Mostly whose it is, now and then somebody.
MOSTLY = st.sampled_from((None, None, None, *OWNERS))
ITEMS = st.lists(
    st.builds(KeptItem, st.sampled_from("abcd"), st.sampled_from([b"1", b"2", b"\x00"])), max_size=3
).map(tuple)

STANDINGS: st.SearchStrategy[Standing] = st.sampled_from(("queued", "over"))

# Rows that are hidden and that nothing needs.
LEFTOVERS = """
SELECT (SELECT count(*) FROM response WHERE gone <> 0
        AND NOT EXISTS (SELECT 1 FROM response AS child WHERE child.parent = response.number)),
       (SELECT count(*) FROM conversation WHERE gone <> 0
        AND NOT EXISTS (SELECT 1 FROM response WHERE room = conversation.number)),
       (SELECT count(*) FROM item WHERE (response IS NULL) = (conversation IS NULL)),
       (SELECT count(*) FROM frames JOIN response ON response = number WHERE gone <> 0)
"""


@define
class Asked:
    """A request that was begun: what it goes on from, and how far that had come, for each store."""

    wanted: Wanted
    seen: tuple[int | None, int | None]


class StoreMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.mkdtemp(dir=MEMORY)
        self.now = 1000.0
        self.model = FakeStore(lambda: self.now)
        self.made = 0
        self.asked: list[Asked] = []
        self.responses: list[KeptResponse] = []
        self.conversations: list[KeptConversation] = []
        self.store = self._opened()

    def teardown(self) -> None:
        self.look()
        self.now += 2 * LENT_SECONDS
        self._both(lambda store: store.prune(0, 1000))
        assert self.executor.connection.execute(LEFTOVERS).fetchone() == (0, 0, 0, 0)
        self.restart()
        self.look()
        self._close()
        connection = opened(self._path)
        assert connection.execute(LEFTOVERS).fetchone() == (0, 0, 0, 0)
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        connection.close()
        rmtree(self.directory)

    # What happens.

    @initialize(items=ITEMS)
    def begin(self, items: Said) -> None:
        self.converse("me", items)
        for _ in range(3):
            self._ask("me", self.responses[-1] if self.responses else self.conversations[-1], items)
            self._answer(self.asked.pop(), items, items[:1], "over", int(self.now))

    @rule(owner=st.sampled_from(OWNERS), items=ITEMS)
    def converse(self, owner: str, items: Said) -> None:
        made = KeptConversation(self._id("conv"), owner, int(self.now), b"{}")
        self.conversations.append(made)
        self._both(lambda store: store.converse(made, items))

    @rule(data=st.data(), items=ITEMS, body=st.binary(max_size=2), out=st.sampled_from("abcd"))
    def change(self, data: st.DataObject, items: Said, body: bytes, out: str) -> None:
        known = data.draw(st.sampled_from(self.conversations))
        if self._both(lambda store: store.conversation(known.owner, known.id)) and items:
            self._both(lambda store: store.converse(evolve(known, body=body), items))
        else:
            self._both(lambda store: store.take_out(known.owner, known.id, out))

    @rule(data=st.data(), owner=MOSTLY, references=ITEMS)
    def ask(self, data: st.DataObject, owner: str | None, references: Said) -> None:
        chosen = data.draw(st.sampled_from([None, *self.responses[-5:], *self.conversations[-3:] * 2]))
        self._ask(owner or (chosen.owner if chosen else "me"), chosen, references)

    @rule(data=st.data(), given=ITEMS, said=ITEMS, standing=STANDINGS, forget=st.booleans())
    def ask_and_answer(
        self, data: st.DataObject, given: Said, said: Said, standing: Standing, forget: bool
    ) -> None:
        before = len(self.asked)
        self.ask(data, None, given)
        if len(self.asked) > before:
            asked = self.asked.pop()
            if forget:
                self._forget(asked.wanted)
            self._answer(asked, given, said, standing, int(self.now))

    @precondition(lambda self: self.asked)
    @rule(
        data=st.data(),
        given=ITEMS,
        said=ITEMS,
        standing=STANDINGS,
        seconds=st.integers(0, 3),
    )
    def answer(self, data: st.DataObject, given: Said, said: Said, standing: Standing, seconds: int) -> None:
        asked = self.asked.pop(data.draw(st.integers(0, len(self.asked) - 1)))
        self._answer(asked, given, said, standing, int(self.now) - seconds)

    @precondition(lambda self: self.responses)
    @rule(
        data=st.data(),
        said=ITEMS,
        standing=st.sampled_from(("running", "over")),
        frames=st.binary(max_size=3),
    )
    def go_on(self, data: st.DataObject, said: tuple, standing: str, frames: bytes) -> None:
        unfinished = [
            kept for kept in map(self._response, self.responses) if kept and kept.standing != "over"
        ]
        if unfinished:
            kept = data.draw(st.sampled_from(unfinished))
            self._both(lambda store: store.keep(evolve(kept, standing=standing, output=said), frames))

    @precondition(lambda self: self.responses)
    @rule(data=st.data(), owner=MOSTLY)
    def delete(self, data: st.DataObject, owner: str | None) -> None:
        known = data.draw(st.sampled_from(self.responses))
        self._both(lambda store: store.delete(owner or known.owner, known.id))

    @rule(data=st.data(), owner=MOSTLY)
    def end_conversation(self, data: st.DataObject, owner: str | None) -> None:
        known = data.draw(st.sampled_from(self.conversations))
        self._both(lambda store: store.end_conversation(owner or known.owner, known.id))

    @rule(seconds=st.integers(1, 10))
    def wait(self, seconds: int) -> None:
        self.now += seconds

    @rule(seconds=st.integers(0, 30), most=st.sampled_from((1, 4, 100, 100)))
    def prune(self, seconds: int, most: int) -> None:
        self._both(lambda store: store.prune(self.now - seconds, most))

    @rule()
    def restart(self) -> None:
        # Requests that were under way are cut by it.
        self.asked.clear()
        self._close()
        self.store = self._opened()

    @rule()
    def look(self) -> None:
        living = 0
        for known in self.responses:
            living += self._response(known) is not None
            self._both(lambda store, k=known: store.input_items(k.owner, k.id))
            self._both(lambda store, k=known: store.frames(k.owner, k.id))
        for room in self.conversations:
            self._both(lambda store, r=room: store.conversation(r.owner, r.id))
            self._both(lambda store, r=room: store.conversation_items(r.owner, r.id))
        ours, model = (_result(store.unfinished()) for store in (self.store, self.model))
        assert [evolve(found, seen=None) for found in ours] == [evolve(found, seen=None) for found in model]
        assert f"codexd_responses_kept {living}.0".encode() in self.metrics.render()

    # How.

    @property
    def _path(self) -> str:
        return str(Path(self.directory, "kept.sqlite3"))

    def _opened(self) -> Store:
        self.metrics = Metrics()
        limits = Responses(keep_seconds=1e9)
        store = Store(limits, self._path, Clock(), self.metrics, lambda: self.now, connect=self._connected)
        store.startService()
        return store

    def _connected(self, *how: Any) -> InlineExecutor:
        self.executor = InlineExecutor(*how)
        return self.executor

    def _close(self) -> None:
        _result(self.store.stopService())

    def _id(self, kind: str) -> str:
        self.made += 1
        return f"{kind}_{self.made}"

    def _ask(self, owner: str, chosen: KeptResponse | KeptConversation | None, references: Said) -> None:
        wanted = Wanted(
            owner,
            chosen.id if isinstance(chosen, KeptResponse) else None,
            chosen.id if isinstance(chosen, KeptConversation) else None,
            tuple(item.id for item in references),
        )
        ours, model = (_result(store.recall(wanted)) for store in (self.store, self.model))
        assert evolve(ours, seen=None) == evolve(model, seen=None), (ours, model)
        if ours.history is not None:
            self.asked.append(Asked(wanted, (ours.seen, model.seen)))

    def _forget(self, wanted: Wanted) -> None:
        """Delete what a request goes on from."""
        if wanted.previous is not None:
            self._both(lambda store: store.delete(wanted.owner, wanted.previous))
        elif wanted.conversation is not None:
            self._both(lambda store: store.end_conversation(wanted.owner, wanted.conversation))

    def _answer(self, asked: Asked, given: Said, said: Said, standing: Standing, created: int) -> None:
        made = KeptResponse(
            id=self._id("resp"),
            owner=asked.wanted.owner,
            created=created,
            standing=standing,
            body=b"{}",
            input=given,
            output=said if standing == "over" else (),
            previous=asked.wanted.previous,
            conversation=asked.wanted.conversation,
            background=standing != "over",
        )
        self.responses.append(made)
        ours, model = (evolve(made, seen=seen) for seen in asked.seen)
        assert _result(self.store.keep(ours)) is _result(self.model.keep(model)) is None

    def _response(self, known: KeptResponse) -> KeptResponse | None:
        ours, model = (_result(store.response(known.owner, known.id)) for store in (self.store, self.model))
        assert (ours is None) == (model is None), (ours, model)
        assert ours is None or evolve(ours, seen=None) == evolve(model, seen=None), (ours, model)
        return ours

    def _both(self, do: Callable[[IResponseStore], "Deferred[Any]"]) -> Any:
        ours, model = (_result(do(store)) for store in (self.store, self.model))
        assert ours == model, f"{ours}, but it should be {model}"
        return ours


def _result(deferred: "Deferred[Any]") -> Any:
    assert deferred.called
    found: list[Any] = []
    deferred.addCallbacks(found.append, lambda failure: failure.raiseException())
    return found[0]


class LawTests(SynchronousTestCase):
    def test_the_store_answers_as_the_plain_one_does(self) -> None:
        run_state_machine_as_test(
            StoreMachine, settings=settings(max_examples=120, stateful_step_count=40, deadline=None)
        )
