"""The contract of IStore, for the real store and for the fake."""

from collections.abc import Callable

from attrs import evolve
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from codexd.interfaces import IResponseStore, IStore
from codexd.neutral.stored import HistoryQuery, LoadedHistory, StoredConversation, StoredItem
from codexd.observe.metrics import Metrics
from codexd.settings import Responses
from codexd.store.service import Store
from tests.support.fake_store import FakeStore
from tests.support.inline_executor import InlineExecutor, items, stored_response


def real_store(now: Callable[[], float]) -> Store:
    """Return a started store in memory, without a thread."""
    store = Store(Responses(), ":memory:", Clock(), Metrics(), now, connect=InlineExecutor)
    store.startService()
    return store


class StoreContract:
    """The tests; `build` opens the store."""

    build: Callable[[Callable[[], float]], IStore]

    def setUp(self) -> None:
        self.now = 1000.0
        self.store = type(self).build(lambda: self.now)

    def of(self, deferred: "Deferred[object]") -> object:
        return self.successResultOf(deferred)

    def save(self, *answers, **given) -> None:
        for kept in answers:
            self.assertIsNone(self.of(self.store.save_response(kept, **given)))

    def save_conversation(self, id: str, *names: str, owner: str = "me") -> None:
        made = StoredConversation(id, owner, 1, b"{}")
        self.assertIsNone(self.of(self.store.save_conversation(made, items(*names))))

    def load_history(self, previous: str | None = None, **wanted) -> LoadedHistory:
        return self.of(self.store.load_history(HistoryQuery(wanted.pop("owner", "me"), previous, **wanted)))

    def history_ids(self, previous: str) -> list[str] | None:
        return names(self.load_history(previous).history)

    def conversation_ids(self, id: str) -> list[str] | None:
        return names(self.of(self.store.load_conversation_items("me", id)))

    def load_reference(self, id: str, owner: str = "me") -> StoredItem | None:
        return self.load_history(owner=owner, references=(id,)).items.get(id)

    # Responses

    def test_it_provides_the_interface(self) -> None:
        verifyObject(IStore, self.store)
        verifyObject(IResponseStore, self.store.for_request("req_1"))

    def test_a_response_is_loaded_as_it_was_saved(self) -> None:
        kept = stored_response("r", previous="gone", created=7, state="queued", body=b'{"a":1}', background=True)
        self.save(kept)
        self.assertEqual(self.of(self.store.load_response("me", "r")), kept)

    def test_a_response_saved_again_replaces_the_first(self) -> None:
        self.save(
            stored_response("r", state="running", output=()), stored_response("r", body=b"2", input=items("x", "y"))
        )
        self.assertEqual(
            self.of(self.store.load_response("me", "r")), stored_response("r", body=b"2", input=items("x", "y"))
        )
        self.assertEqual(self.history_ids("r"), ["x", "y", "out_r"])

    def test_an_empty_store_returns_nothing(self) -> None:
        self.assertIsNone(self.of(self.store.load_response("me", "r")))
        self.assertIsNone(self.of(self.store.load_input_items("me", "r")))
        self.assertEqual(self.of(self.store.load_stream("me", "r")), b"")
        self.assertEqual(self.load_history("r"), LoadedHistory(None))
        self.assertIs(self.of(self.store.delete_response("me", "r")), False)

    def test_a_stream_is_saved_with_its_response(self) -> None:
        stream = b"event: a\ndata: {}\n\n" * 1000
        self.save(stored_response("r", state="queued"))
        self.save(stored_response("r"), stream=stream)
        self.save(stored_response("r"))
        self.assertEqual(self.of(self.store.load_stream("me", "r")), stream)
        self.save(stored_response("r"), stream=b"other")
        self.assertEqual(self.of(self.store.load_stream("me", "r")), b"other")

    def test_queued_and_running_responses_of_all_owners_are_unfinished(self) -> None:
        mine, others = stored_response("a", state="queued"), stored_response("b", state="running", owner="you")
        self.save(stored_response("c"), mine, others)
        self.assertEqual(self.of(self.store.load_unfinished()), (mine, others))
        self.save(evolve(mine, state="over"))
        self.of(self.store.delete_response("you", "b"))
        self.assertEqual(self.of(self.store.load_unfinished()), ())

    # History

    def test_a_history_contains_all_ancestors(self) -> None:
        self.save(stored_response("a"), stored_response("b", "a"), stored_response("c", "b"))
        self.assertEqual(self.history_ids("c"), ["in_a", "out_a", "in_b", "out_b", "in_c", "out_c"])
        shown = self.of(self.store.load_input_items("me", "c"))
        self.assertEqual(names(shown), ["in_a", "out_a", "in_b", "out_b", "in_c"])

    def test_a_response_can_be_continued_twice(self) -> None:
        self.save(stored_response("a"), stored_response("b", "a"), stored_response("c", "a"))
        self.assertEqual(self.history_ids("b"), ["in_a", "out_a", "in_b", "out_b"])
        self.assertEqual(self.history_ids("c"), ["in_a", "out_a", "in_c", "out_c"])

    def test_items_keep_their_order_and_their_bytes(self) -> None:
        items_saved = tuple(
            StoredItem(id, body) for id, body in (("z", b"\x00\xff"), ("a", b""), ("z", b"2"), ("é", b"x"))
        )
        self.save(stored_response("a", input=items_saved, output=items_saved[::-1]))
        self.assertEqual(self.load_history("a").history, (*items_saved, *items_saved[::-1]))

    def test_the_state_of_the_previous_response_is_returned(self) -> None:
        self.save(stored_response("a", state="running"))
        self.assertEqual(self.load_history("a").state, "running")

    def test_an_empty_query_returns_nothing(self) -> None:
        self.assertEqual(self.load_history(), LoadedHistory())

    # Deleting

    def test_a_deleted_response_is_not_found(self) -> None:
        self.save(stored_response("a"), stream=b"x")
        self.assertIs(self.of(self.store.delete_response("me", "a")), True)
        self.test_an_empty_store_returns_nothing()
        self.assertIsNone(self.of(self.store.load_response("me", "a")))
        self.assertIsNone(self.of(self.store.load_input_items("me", "a")))
        self.assertEqual(self.of(self.store.load_stream("me", "a")), b"")
        self.assertEqual(self.load_history("a"), LoadedHistory(None))
        self.assertIs(self.of(self.store.delete_response("me", "a")), False)

    def test_a_response_that_continues_a_deleted_one_keeps_its_history(self) -> None:
        self.save(stored_response("a"), stored_response("b", "a"), stored_response("c", "b"))
        self.of(self.store.delete_response("me", "a"))
        self.of(self.store.delete_response("me", "b"))
        self.assertEqual(self.history_ids("c"), ["in_a", "out_a", "in_b", "out_b", "in_c", "out_c"])

    def test_what_is_deleted_while_a_request_runs_stays_in_its_history(self) -> None:
        self.save(stored_response("a"))
        self.save_conversation("k", "x")
        self.load_history("a")
        seen = self.load_history(conversation="k").position
        self.of(self.store.delete_response("me", "a"))
        self.of(self.store.delete_conversation("me", "k"))
        self.save(stored_response("b", "a"), stored_response("c", conversation="k", position=seen))
        self.assertEqual(self.history_ids("b"), ["in_a", "out_a", "in_b", "out_b"])
        self.assertEqual(self.history_ids("c"), ["x", "in_c", "out_c"])

    def test_an_id_can_be_reused(self) -> None:
        self.save(stored_response("a"), stored_response("b", "a"))
        self.of(self.store.delete_response("me", "a"))
        self.save(stored_response("a", input=items("new")), stored_response("c", "a"))
        self.assertEqual(self.history_ids("b"), ["in_a", "out_a", "in_b", "out_b"])
        self.assertEqual(self.history_ids("c"), ["new", "out_a", "in_c", "out_c"])

    # Owners

    def test_nothing_is_visible_to_another_owner(self) -> None:
        self.save(stored_response("a"), stream=b"x")
        self.save_conversation("k", "x")
        for asked in (self.store.load_response, self.store.load_input_items, self.store.load_conversation):
            self.assertIsNone(self.of(asked("you", "a")))
        self.assertIsNone(self.of(self.store.load_conversation_items("you", "k")))
        self.assertEqual(self.of(self.store.load_stream("you", "a")), b"")
        self.assertEqual(self.load_history("a", owner="you"), LoadedHistory(None))
        self.assertEqual(self.load_history(conversation="k", owner="you"), LoadedHistory(None))
        self.assertIsNone(self.load_reference("in_a", owner="you"))
        for done in (self.store.delete_response("you", "a"), self.store.delete_conversation("you", "k")):
            self.assertIs(self.of(done), False)
        self.assertIs(self.of(self.store.remove_item("you", "k", "x")), False)
        self.assertEqual(self.history_ids("a"), ["in_a", "out_a"])

    def test_nothing_of_another_owner_can_be_continued(self) -> None:
        self.save(stored_response("a"), stored_response("b", "a", owner="you"))
        self.save_conversation("k", "x")
        self.save(stored_response("c", owner="you", conversation="k"))
        self.assertEqual(names(self.load_history("b", owner="you").history), ["in_b", "out_b"])
        self.assertEqual(names(self.load_history("c", owner="you").history), ["in_c", "out_c"])
        self.assertEqual(self.conversation_ids("k"), ["x"])

    def test_two_owners_can_use_the_same_id(self) -> None:
        self.save(stored_response("a", body=b"mine"), stored_response("a", body=b"yours", owner="you"))
        self.assertEqual(self.of(self.store.load_response("me", "a")).body, b"mine")
        self.assertEqual(self.of(self.store.load_response("you", "a")).body, b"yours")

    # References

    def test_a_reference_finds_an_item_of_a_response_or_a_conversation(self) -> None:
        self.save(stored_response("a"))
        self.save_conversation("k", "x")
        found = self.load_history(references=("in_a", "x", "nowhere")).items
        self.assertEqual(dict(found), {item.id: item for item in items("in_a", "x")})

    def test_a_reference_finds_the_item_saved_last(self) -> None:
        old, new = StoredItem("x", b"old"), StoredItem("x", b"new")
        self.save(stored_response("a", input=(old,)), stored_response("b", input=(new,)))
        self.assertEqual(self.load_reference("x"), new)
        self.save(stored_response("a", input=(old,)))
        self.assertEqual(self.load_reference("x"), old)
        self.of(self.store.delete_response("me", "a"))
        self.assertEqual(self.load_reference("x"), new)

    def test_a_reference_finds_no_deleted_item(self) -> None:
        self.save(stored_response("a"), stored_response("b", "a"))
        self.save_conversation("k", "x", "y")
        self.save(stored_response("c", conversation="k"))
        self.of(self.store.remove_item("me", "k", "y"))
        self.assertIsNone(self.load_reference("y"))
        self.of(self.store.delete_response("me", "a"))
        self.of(self.store.delete_conversation("me", "k"))
        self.assertEqual([self.load_reference(id) for id in ("in_a", "out_a", "x")], [None] * 3)

    def test_references_combine_with_any_query(self) -> None:
        self.save(stored_response("a"))
        self.save_conversation("k", "x")
        for wanted in ({"previous": "a"}, {"conversation": "k"}, {"previous": "no"}, {"conversation": "no"}):
            self.assertEqual(list(self.load_history(references=("x",), **wanted).items), ["x"])

    # Conversations

    def test_a_conversation_is_loaded_as_it_was_last_saved(self) -> None:
        first, second = StoredConversation("k", "me", 1, b"1"), StoredConversation("k", "me", 2, b"2")
        self.of(self.store.save_conversation(first, items("a")))
        self.assertEqual(self.of(self.store.load_conversation("me", "k")), first)
        self.of(self.store.save_conversation(second, items("b")))
        self.assertEqual(self.of(self.store.load_conversation("me", "k")), second)
        self.assertEqual(self.conversation_ids("k"), ["a", "b"])

    def test_a_finished_response_is_appended_to_its_conversation_once(self) -> None:
        self.save_conversation("k", "x")
        self.save(stored_response("a", state="queued", output=(), conversation="k"))
        self.assertEqual(self.conversation_ids("k"), ["x"])
        self.save(stored_response("a", conversation="k"), stored_response("a", conversation="k", body=b"again"))
        self.assertEqual(self.conversation_ids("k"), ["x", "in_a", "out_a"])

    def test_a_removed_item_does_not_return_when_its_response_is_saved_again(self) -> None:
        self.save_conversation("k")
        self.save(stored_response("a", conversation="k"))
        self.of(self.store.remove_item("me", "k", "in_a"))
        self.save(stored_response("a", conversation="k", body=b"again"))
        self.assertEqual(self.conversation_ids("k"), ["out_a"])

    def test_an_item_already_in_the_conversation_is_skipped(self) -> None:
        self.save_conversation("k", "x", "y")
        self.of(self.store.save_conversation(StoredConversation("k", "me", 1, b"{}"), (StoredItem("x", b"other"),)))
        self.assertEqual(self.of(self.store.load_conversation_items("me", "k")), items("x", "y"))

    def test_a_removed_item_can_be_appended_again(self) -> None:
        self.save_conversation("k", "x", "y")
        self.assertIs(self.of(self.store.remove_item("me", "k", "x")), True)
        self.assertIs(self.of(self.store.remove_item("me", "k", "x")), False)
        self.save_conversation("k", "x")
        self.assertEqual(self.conversation_ids("k"), ["y", "x"])

    def test_a_conversations_history_is_all_its_items(self) -> None:
        self.save_conversation("k", "x")
        self.save(stored_response("a", conversation="k"))
        self.assertEqual(names(self.load_history(conversation="k").history), ["x", "in_a", "out_a"])
        self.assertEqual(self.load_history(conversation="none").history, None)
        self.save_conversation("empty")
        self.assertEqual(self.load_history(conversation="empty"), LoadedHistory((), position=0))

    def test_a_history_in_a_conversation_ends_at_the_responses_position(self) -> None:
        self.save_conversation("k", "x", "y")
        self.save(
            stored_response("a", conversation="k"), stored_response("b", conversation="k"), stored_response("c", "a")
        )
        self.of(self.store.remove_item("me", "k", "y"))
        self.save_conversation("k", "z")
        self.assertEqual(self.history_ids("a"), ["x", "in_a", "out_a"])
        self.assertEqual(self.history_ids("b"), ["x", "in_a", "out_a", "in_b", "out_b"])
        self.assertEqual(self.history_ids("c"), ["x", "in_a", "out_a", "in_c", "out_c"])

    def test_the_position_is_that_of_the_loaded_history(self) -> None:
        self.save_conversation("k", "x")
        seen = self.load_history(conversation="k").position
        self.save(stored_response("a", conversation="k"), stored_response("b", conversation="k", position=seen))
        self.assertEqual(self.history_ids("b"), ["x", "in_b", "out_b"])
        self.assertEqual(self.of(self.store.load_response("me", "b")).position, seen)

    def test_a_new_item_does_not_reuse_the_position_of_a_removed_one(self) -> None:
        self.save_conversation("k", "x", "y")
        self.save(stored_response("a", state="running", input=(), output=(), conversation="k"))
        self.of(self.store.remove_item("me", "k", "y"))
        self.save_conversation("k", "z")
        self.assertEqual(self.history_ids("a"), ["x"])

    def test_items_appended_while_a_response_runs_are_not_in_its_history(self) -> None:
        self.save_conversation("k", "x")
        self.save(stored_response("a", state="queued", output=(), conversation="k"))
        self.save_conversation("k", "y")
        self.save(stored_response("a", conversation="k"))
        self.assertEqual(self.history_ids("a"), ["x", "in_a", "out_a"])
        self.assertEqual(self.conversation_ids("k"), ["x", "y", "in_a", "out_a"])

    def test_responses_of_a_deleted_conversation_stay(self) -> None:
        self.save_conversation("k", "x")
        self.save(stored_response("a", conversation="k"))
        self.assertIs(self.of(self.store.delete_conversation("me", "k")), True)
        self.assertIs(self.of(self.store.delete_conversation("me", "k")), False)
        self.assertIsNone(self.of(self.store.load_conversation("me", "k")))
        self.assertIsNone(self.conversation_ids("k"))
        self.assertEqual(self.load_history(conversation="k").history, None)
        self.assertEqual(self.history_ids("a"), ["x", "in_a", "out_a"])
        self.assertEqual(self.of(self.store.load_response("me", "a")).conversation, "k")

    def test_saving_a_response_does_not_restore_its_deleted_conversation(self) -> None:
        self.save_conversation("k", "x")
        self.save(stored_response("a", state="queued", conversation="k"))
        self.of(self.store.delete_conversation("me", "k"))
        self.save(stored_response("a", conversation="k"))
        self.assertIsNone(self.conversation_ids("k"))

    def test_the_items_of_a_deleted_response_stay_in_its_conversation(self) -> None:
        self.save_conversation("k")
        self.save(stored_response("a", conversation="k"))
        self.of(self.store.delete_response("me", "a"))
        self.assertEqual(self.conversation_ids("k"), ["in_a", "out_a"])
        self.assertEqual(self.load_reference("in_a"), *items("in_a"))

    # Pruning

    def stored(self, *ids: str) -> list[str]:
        return [id for id in ids if self.of(self.store.load_response("me", id))]

    def test_old_responses_are_pruned(self) -> None:
        self.save(*(stored_response(id, created=at) for id, at in (("a", 10), ("b", 20), ("c", 5))))
        self.assertEqual(self.of(self.store.prune(20, 100)), 2)
        self.assertEqual(self.stored("a", "b", "c"), ["b"])

    def test_the_oldest_excess_responses_are_pruned(self) -> None:
        self.save(*(stored_response(id, created=at) for id, at in (("a", 10), ("b", 20), ("c", 5), ("d", 10))))
        self.assertEqual(self.of(self.store.prune(0, 2)), 2)
        self.assertEqual(self.stored("a", "b", "c", "d"), ["b", "d"])

    def test_unfinished_responses_stay_and_count(self) -> None:
        self.save(
            stored_response("a", state="queued"), stored_response("b", state="running"), stored_response("c", created=2)
        )
        self.assertEqual(self.of(self.store.prune(100, 2)), 1)
        self.assertEqual(self.stored("a", "b", "c"), ["a", "b"])

    def test_a_history_survives_pruning(self) -> None:
        self.save(stored_response("a", created=1), stored_response("b", "a", created=50))
        self.of(self.store.prune(20, 100))
        self.assertEqual(self.stored("a", "b"), ["b"])
        self.assertEqual(self.history_ids("b"), ["in_a", "out_a", "in_b", "out_b"])

    def test_an_unused_conversation_is_pruned(self) -> None:
        for id in ("unused", "added", "answered", "taken"):
            self.save_conversation(id, "x")
        self.now = 2000.0
        self.save_conversation("added", "y")
        self.save(stored_response("a", created=2000, conversation="answered"))
        self.of(self.store.remove_item("me", "taken", "x"))
        self.assertEqual(self.of(self.store.prune(1500, 100)), 0)
        self.assertEqual(
            [self.conversation_ids(id) for id in ("unused", "added", "answered", "taken")],
            [None, ["x", "y"], ["x", "in_a", "out_a"], []],
        )

    def test_a_missing_conversation_is_neither_updated_nor_appended_to(self) -> None:
        other = StoredConversation("k", "me", 1, b'{"other":1}')
        for _ in range(2):
            self.assertFalse(self.of(self.store.update_conversation(other)))
            self.assertFalse(self.of(self.store.append_items("me", "k", items("x"))))
            self.assertIsNone(self.of(self.store.load_conversation("me", "k")))
            self.save_conversation("k", "x")
            self.of(self.store.delete_conversation("me", "k"))

    def test_updating_and_appending_change_nothing_else(self) -> None:
        self.save_conversation("k", "x")
        other = StoredConversation("k", "me", 1, b'{"other":1}')
        self.assertTrue(self.of(self.store.update_conversation(other)))
        self.assertTrue(self.of(self.store.append_items("me", "k", items("y"))))
        self.assertFalse(self.of(self.store.append_items("somebody", "k", items("z"))))
        self.assertEqual(self.of(self.store.load_conversation("me", "k")), other)
        self.assertEqual(self.conversation_ids("k"), ["x", "y"])

    def test_the_least_recently_used_excess_conversations_are_pruned(self) -> None:
        for self.now, id in ((1000.0, "a"), (1001.0, "b"), (1002.0, "c")):
            self.save_conversation(id, "x")
        self.save(stored_response("r", state="running", conversation="a"))
        self.now = 1003.0
        self.save_conversation("b", "y")
        self.of(self.store.prune(0, 2))
        self.assertEqual([self.conversation_ids(id) for id in "abc"], [["x"], ["x", "y"], None])

    def test_a_conversation_with_an_unfinished_response_stays(self) -> None:
        self.save_conversation("k", "x")
        self.save(stored_response("a", state="running", conversation="k"))
        self.now = 2000.0
        self.of(self.store.prune(1500, 100))
        self.assertEqual(self.conversation_ids("k"), ["x"])

    # Cancellation

    def test_a_cancelled_save_is_still_saved(self) -> None:
        asked = self.store.save_response(stored_response("a"))
        asked.cancel()
        self.assertIsNone(self.of(asked))
        self.assertEqual(self.stored("a"), ["a"])


class RealStoreTests(StoreContract, SynchronousTestCase):
    build = real_store


class FakeStoreTests(StoreContract, SynchronousTestCase):
    build = FakeStore

    def test_held_calls_take_effect_in_order(self) -> None:
        self.store.delay_calls()
        asked = [
            self.store.save_response(stored_response("a")),
            self.store.load_response("me", "a"),
            self.store.delete_response("me", "a"),
        ]
        self.assertEqual([d.called for d in asked], [False] * 3)
        self.assertEqual(self.store.waiting, 3)
        self.store.run_delayed_calls()
        self.assertEqual([self.of(d) for d in asked], [None, stored_response("a"), True])

    def test_a_held_call_can_be_cancelled(self) -> None:
        self.store.delay_calls()
        asked = self.store.save_response(stored_response("a"))
        asked.cancel()
        self.store.run_delayed_calls()
        self.failureResultOf(asked, CancelledError)
        self.assertEqual(self.stored("a"), ["a"])

    def test_a_failed_call_changes_nothing(self) -> None:
        self.store.fail()
        failed = self.store.save_response(stored_response("a"))
        self.assertEqual(self.failureResultOf(failed).value.fault.kind, "store_failed")
        self.assertEqual(self.stored("a"), [])
        self.assertEqual(self.store.calls, ["save_response", "load_response"])


def names(found: tuple[StoredItem, ...] | None) -> list[str] | None:
    return None if found is None else [item.id for item in found]
