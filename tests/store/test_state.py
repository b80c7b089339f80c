"""In any sequence of calls the real store and the fake, which holds plain objects, return the same.

The real store is sometimes closed and reopened, so that nothing may exist only in its memory.
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
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from codexd.interfaces import IStore
from codexd.neutral.stored import HistoryQuery, ResponseState, StoredConversation, StoredItem, StoredResponse
from codexd.observe.metrics import Metrics
from codexd.settings import Responses
from codexd.store.service import LEASE_SECONDS, Store
from tests.support.fake_store import FakeStore
from tests.support.inline_executor import MEMORY_FOLDER, InlineExecutor, open_database

Items = tuple[StoredItem, ...]
OWNERS = ("me", "you")
# Mostly the owner (None), sometimes any owner.
MOSTLY = st.sampled_from((None, None, None, *OWNERS))
ITEMS = st.lists(
    st.builds(StoredItem, st.sampled_from("abcd"), st.sampled_from([b"1", b"2", b"\x00"])), max_size=3
).map(tuple)

STANDINGS: st.SearchStrategy[ResponseState] = st.sampled_from(("queued", "over"))

# The number of hidden rows that nothing refers to.
LEFTOVERS = """
SELECT (SELECT count(*) FROM response WHERE deleted <> 0
        AND NOT EXISTS (SELECT 1 FROM response AS child WHERE child.parent = response.number)),
       (SELECT count(*) FROM conversation WHERE deleted <> 0
        AND NOT EXISTS (SELECT 1 FROM response WHERE conversation_number = conversation.number)),
       (SELECT count(*) FROM item WHERE (response IS NULL) = (conversation IS NULL)),
       (SELECT count(*) FROM stream JOIN response ON response = number WHERE deleted <> 0)
"""

# What the triggers count, from the rows themselves.
OWNERS_COUNTED = """
SELECT owner, sum(responses), sum(conversations), sum(bytes) FROM (
    SELECT owner, deleted = 0 AS responses, 0 AS conversations, length(body)
        + (SELECT coalesce(sum(length(item.body)), 0) FROM item WHERE item.response = response.number)
        + (SELECT coalesce(sum(length(stream.body)), 0) FROM stream WHERE stream.response = response.number) AS bytes
    FROM response
    UNION ALL
    SELECT owner, 0, deleted = 0, length(body)
        + (SELECT coalesce(sum(length(item.body)), 0) FROM item WHERE item.conversation = conversation.number)
    FROM conversation
) GROUP BY owner ORDER BY owner
"""
OWNERS_KEPT = """
SELECT name, responses, conversations, bytes FROM owner
WHERE responses <> 0 OR conversations <> 0 OR bytes <> 0 ORDER BY name
"""


@define
class RunningRequest:
    """A running request: what it continues, and the position of that in each store."""

    wanted: HistoryQuery
    position: tuple[int | None, int | None]


class StoreMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.mkdtemp(dir=MEMORY_FOLDER)
        self.now = 1000.0
        self.model = FakeStore(lambda: self.now)
        self.made = 0
        self.asked: list[RunningRequest] = []
        self.responses: list[StoredResponse] = []
        self.conversations: list[StoredConversation] = []
        self.store = self._opened()

    def teardown(self) -> None:
        self.compare_all()
        self.now += 2 * LEASE_SECONDS
        self._both(lambda store: store.prune(0, 1000))
        assert self.executor.connection.execute(LEFTOVERS).fetchone() == (0, 0, 0, 0)
        self.restart()
        self.compare_all()
        self._close()
        connection = open_database(self._path)
        assert connection.execute(LEFTOVERS).fetchone() == (0, 0, 0, 0)
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        connection.close()
        rmtree(self.directory)

    # Rules.

    @initialize(items=ITEMS)
    def begin(self, items: Items) -> None:
        self.converse("me", items)
        for _ in range(3):
            self._ask("me", self.responses[-1] if self.responses else self.conversations[-1], items)
            self._answer(self.asked.pop(), items, items[:1], "over", int(self.now))

    @rule(owner=st.sampled_from(OWNERS), items=ITEMS)
    def converse(self, owner: str, items: Items) -> None:
        made = StoredConversation(self._id("conv"), owner, int(self.now), b"{}")
        self.conversations.append(made)
        self._both(lambda store: store.save_conversation(made, items))

    @rule(data=st.data(), items=ITEMS, body=st.binary(max_size=2), out=st.sampled_from("abcd"))
    def change(self, data: st.DataObject, items: Items, body: bytes, out: str) -> None:
        known = data.draw(st.sampled_from(self.conversations))
        if self._both(lambda store: store.load_conversation(known.owner, known.id)) and items:
            self._both(lambda store: store.save_conversation(evolve(known, body=body), items))
        else:
            self._both(lambda store: store.remove_item(known.owner, known.id, out))

    @rule(data=st.data(), owner=MOSTLY, references=ITEMS)
    def ask(self, data: st.DataObject, owner: str | None, references: Items) -> None:
        chosen = data.draw(st.sampled_from([None, *self.responses[-5:], *self.conversations[-3:] * 2]))
        self._ask(owner or (chosen.owner if chosen else "me"), chosen, references)

    @rule(data=st.data(), given=ITEMS, said=ITEMS, state=STANDINGS, forget=st.booleans())
    def ask_and_answer(
        self, data: st.DataObject, given: Items, said: Items, state: ResponseState, forget: bool
    ) -> None:
        before = len(self.asked)
        self.ask(data, None, given)
        if len(self.asked) > before:
            asked = self.asked.pop()
            if forget:
                self._forget(asked.wanted)
            self._answer(asked, given, said, state, int(self.now))

    @precondition(lambda self: self.asked)
    @rule(
        data=st.data(),
        given=ITEMS,
        said=ITEMS,
        state=STANDINGS,
        seconds=st.integers(0, 3),
    )
    def stored_response(
        self, data: st.DataObject, given: Items, said: Items, state: ResponseState, seconds: int
    ) -> None:
        asked = self.asked.pop(data.draw(st.integers(0, len(self.asked) - 1)))
        self._answer(asked, given, said, state, int(self.now) - seconds)

    @precondition(lambda self: self.responses)
    @rule(
        data=st.data(),
        said=ITEMS,
        state=st.sampled_from(("running", "over")),
        stream=st.binary(max_size=3),
    )
    def save_again(self, data: st.DataObject, said: tuple, state: str, stream: bytes) -> None:
        unfinished = [kept for kept in map(self._response, self.responses) if kept and kept.state != "over"]
        if unfinished:
            kept = data.draw(st.sampled_from(unfinished))
            self._both(lambda store: store.save_response(evolve(kept, state=state, output=said), stream))

    @precondition(lambda self: self.responses)
    @rule(data=st.data(), owner=MOSTLY)
    def delete(self, data: st.DataObject, owner: str | None) -> None:
        known = data.draw(st.sampled_from(self.responses))
        self._both(lambda store: store.delete_response(owner or known.owner, known.id))

    @rule(data=st.data(), owner=MOSTLY)
    def end_conversation(self, data: st.DataObject, owner: str | None) -> None:
        known = data.draw(st.sampled_from(self.conversations))
        self._both(lambda store: store.delete_conversation(owner or known.owner, known.id))

    @rule(seconds=st.integers(1, 10))
    def wait(self, seconds: int) -> None:
        self.now += seconds

    @rule(seconds=st.integers(0, 30), most=st.sampled_from((1, 4, 100, 100)))
    def prune(self, seconds: int, most: int) -> None:
        self._both(lambda store: store.prune(self.now - seconds, most))

    @rule()
    def restart(self) -> None:
        # A restart ends all running requests.
        self.asked.clear()
        self._close()
        self.store = self._opened()

    @invariant()
    def owners_are_counted(self) -> None:
        kept, counted = (self.executor.connection.execute(query).fetchall() for query in (OWNERS_KEPT, OWNERS_COUNTED))
        assert kept == [row for row in counted if any(row[1:])]

    @rule()
    def compare_all(self) -> None:
        living = 0
        for known in self.responses:
            living += self._response(known) is not None
            self._both(lambda store, k=known: store.load_input_items(k.owner, k.id))
            self._both(lambda store, k=known: store.load_stream(k.owner, k.id))
        for room in self.conversations:
            self._both(lambda store, r=room: store.load_conversation(r.owner, r.id))
            self._both(lambda store, r=room: store.load_conversation_items(r.owner, r.id))
        ours, model = (_result(store.load_unfinished()) for store in (self.store, self.model))
        assert [evolve(found, position=None) for found in ours] == [evolve(found, position=None) for found in model]
        assert f"codexd_responses_stored {living}.0".encode() in self.metrics.render()

    # Helpers.

    @property
    def _path(self) -> str:
        return str(Path(self.directory, "kept.sqlite3"))

    def _opened(self) -> Store:
        self.metrics = Metrics()
        limits = Responses(retention_seconds=1e9)
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

    def _ask(self, owner: str, chosen: StoredResponse | StoredConversation | None, references: Items) -> None:
        wanted = HistoryQuery(
            owner,
            chosen.id if isinstance(chosen, StoredResponse) else None,
            chosen.id if isinstance(chosen, StoredConversation) else None,
            tuple(item.id for item in references),
        )
        ours, model = (_result(store.load_history(wanted)) for store in (self.store, self.model))
        assert evolve(ours, position=None) == evolve(model, position=None), (ours, model)
        if ours.history is not None:
            self.asked.append(RunningRequest(wanted, (ours.position, model.position)))

    def _forget(self, wanted: HistoryQuery) -> None:
        """Delete what a request continues."""
        if wanted.previous is not None:
            self._both(lambda store: store.delete_response(wanted.owner, wanted.previous))
        elif wanted.conversation is not None:
            self._both(lambda store: store.delete_conversation(wanted.owner, wanted.conversation))

    def _answer(self, asked: RunningRequest, given: Items, said: Items, state: ResponseState, created: int) -> None:
        made = StoredResponse(
            id=self._id("resp"),
            owner=asked.wanted.owner,
            created=created,
            state=state,
            body=b"{}",
            input=given,
            output=said if state == "over" else (),
            previous=asked.wanted.previous,
            conversation=asked.wanted.conversation,
            background=state != "over",
        )
        self.responses.append(made)
        ours, model = (evolve(made, position=seen) for seen in asked.position)
        assert _result(self.store.save_response(ours)) is _result(self.model.save_response(model)) is None

    def _response(self, known: StoredResponse) -> StoredResponse | None:
        ours, model = (_result(store.load_response(known.owner, known.id)) for store in (self.store, self.model))
        assert (ours is None) == (model is None), (ours, model)
        assert ours is None or evolve(ours, position=None) == evolve(model, position=None), (ours, model)
        return ours

    def _both(self, do: Callable[[IStore], "Deferred[Any]"]) -> Any:
        ours, model = (_result(do(store)) for store in (self.store, self.model))
        assert ours == model, f"{ours}, but it should be {model}"
        return ours


def _result(deferred: "Deferred[Any]") -> Any:
    assert deferred.called
    found: list[Any] = []
    deferred.addCallbacks(found.append, lambda failure: failure.raiseException())
    return found[0]


class LawTests(SynchronousTestCase):
    def test_the_real_store_returns_what_the_fake_returns(self) -> None:
        run_state_machine_as_test(
            StoreMachine, settings=settings(settings.get_profile("machines"), stateful_step_count=40)
        )
