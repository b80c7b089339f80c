"""IResponseStore: what the real store and the fake one both keep."""

from collections.abc import Callable

from attrs import evolve
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from codexd.interfaces import IResponseStore
from codexd.neutral.kept import KeptConversation, KeptItem, Recalled, Wanted
from codexd.observe.metrics import Metrics
from codexd.settings import Responses
from codexd.store.service import Store
from tests.support.store import FakeStore
from tests.support.tables import InlineExecutor, answer, items


def real_store(now: Callable[[], float]) -> Store:
    """Give a started store in memory, without a thread."""
    store = Store(Responses(), ":memory:", Clock(), Metrics(), now, connect=InlineExecutor)
    store.startService()
    return store


class Contract:
    """The tests; `make` gives the store."""

    make: Callable[[Callable[[], float]], IResponseStore]

    def setUp(self) -> None:
        self.now = 1000.0
        self.store = type(self).make(lambda: self.now)

    def of(self, deferred: "Deferred[object]") -> object:
        return self.successResultOf(deferred)

    def keep(self, *answers, **given) -> None:
        for kept in answers:
            self.assertIsNone(self.of(self.store.keep(kept, **given)))

    def converse(self, id: str, *names: str, owner: str = "me") -> None:
        made = KeptConversation(id, owner, 1, b"{}")
        self.assertIsNone(self.of(self.store.converse(made, items(*names))))

    def recall(self, previous: str | None = None, **wanted) -> Recalled:
        return self.of(self.store.recall(Wanted(wanted.pop("owner", "me"), previous, **wanted)))

    def history(self, previous: str) -> list[str] | None:
        return names(self.recall(previous).history)

    def entries(self, id: str) -> list[str] | None:
        return names(self.of(self.store.conversation_items("me", id)))

    def referenced(self, id: str, owner: str = "me") -> KeptItem | None:
        return self.recall(owner=owner, references=(id,)).items.get(id)

    # Answers

    def test_it_is_a_store(self) -> None:
        verifyObject(IResponseStore, self.store)

    def test_an_answer_is_given_as_it_was_kept(self) -> None:
        kept = answer("r", previous="gone", created=7, standing="queued", body=b'{"a":1}', background=True)
        self.keep(kept)
        self.assertEqual(self.of(self.store.response("me", "r")), kept)

    def test_an_answer_kept_again_takes_the_place_of_the_first(self) -> None:
        self.keep(answer("r", standing="running", output=()), answer("r", body=b"2", input=items("x", "y")))
        self.assertEqual(
            self.of(self.store.response("me", "r")), answer("r", body=b"2", input=items("x", "y"))
        )
        self.assertEqual(self.history("r"), ["x", "y", "out_r"])

    def test_there_is_nothing_where_nothing_was_kept(self) -> None:
        self.assertIsNone(self.of(self.store.response("me", "r")))
        self.assertIsNone(self.of(self.store.input_items("me", "r")))
        self.assertEqual(self.of(self.store.frames("me", "r")), b"")
        self.assertEqual(self.recall("r"), Recalled(None))
        self.assertIs(self.of(self.store.delete("me", "r")), False)

    def test_a_stream_is_kept_with_its_answer(self) -> None:
        stream = b"event: a\ndata: {}\n\n" * 1000
        self.keep(answer("r", standing="queued"))
        self.keep(answer("r"), frames=stream)
        self.keep(answer("r"))
        self.assertEqual(self.of(self.store.frames("me", "r")), stream)
        self.keep(answer("r"), frames=b"other")
        self.assertEqual(self.of(self.store.frames("me", "r")), b"other")

    def test_what_is_not_over_is_unfinished_whoever_owns_it(self) -> None:
        mine, others = answer("a", standing="queued"), answer("b", standing="running", owner="you")
        self.keep(answer("c"), mine, others)
        self.assertEqual(self.of(self.store.unfinished()), (mine, others))
        self.keep(evolve(mine, standing="over"))
        self.of(self.store.delete("you", "b"))
        self.assertEqual(self.of(self.store.unfinished()), ())

    # Going on

    def test_a_history_is_all_that_came_before(self) -> None:
        self.keep(answer("a"), answer("b", "a"), answer("c", "b"))
        self.assertEqual(self.history("c"), ["in_a", "out_a", "in_b", "out_b", "in_c", "out_c"])
        shown = self.of(self.store.input_items("me", "c"))
        self.assertEqual(names(shown), ["in_a", "out_a", "in_b", "out_b", "in_c"])

    def test_an_answer_may_be_continued_twice(self) -> None:
        self.keep(answer("a"), answer("b", "a"), answer("c", "a"))
        self.assertEqual(self.history("b"), ["in_a", "out_a", "in_b", "out_b"])
        self.assertEqual(self.history("c"), ["in_a", "out_a", "in_c", "out_c"])

    def test_items_keep_their_order_and_their_bytes(self) -> None:
        told = tuple(
            KeptItem(id, body) for id, body in (("z", b"\x00\xff"), ("a", b""), ("z", b"2"), ("é", b"x"))
        )
        self.keep(answer("a", input=told, output=told[::-1]))
        self.assertEqual(self.recall("a").history, (*told, *told[::-1]))

    def test_a_request_hears_how_far_what_it_wants_has_come(self) -> None:
        self.keep(answer("a", standing="running"))
        self.assertEqual(self.recall("a").standing, "running")

    def test_what_wants_nothing_gets_nothing(self) -> None:
        self.assertEqual(self.recall(), Recalled())

    # Deleting

    def test_a_deleted_answer_is_nowhere(self) -> None:
        self.keep(answer("a"), frames=b"x")
        self.assertIs(self.of(self.store.delete("me", "a")), True)
        self.test_there_is_nothing_where_nothing_was_kept()
        self.assertIsNone(self.of(self.store.response("me", "a")))
        self.assertIsNone(self.of(self.store.input_items("me", "a")))
        self.assertEqual(self.of(self.store.frames("me", "a")), b"")
        self.assertEqual(self.recall("a"), Recalled(None))
        self.assertIs(self.of(self.store.delete("me", "a")), False)

    def test_what_goes_on_from_a_deleted_answer_keeps_its_history(self) -> None:
        self.keep(answer("a"), answer("b", "a"), answer("c", "b"))
        self.of(self.store.delete("me", "a"))
        self.of(self.store.delete("me", "b"))
        self.assertEqual(self.history("c"), ["in_a", "out_a", "in_b", "out_b", "in_c", "out_c"])

    def test_what_is_deleted_while_an_answer_is_being_made_is_still_its_history(self) -> None:
        self.keep(answer("a"))
        self.converse("k", "x")
        self.recall("a")
        seen = self.recall(conversation="k").seen
        self.of(self.store.delete("me", "a"))
        self.of(self.store.end_conversation("me", "k"))
        self.keep(answer("b", "a"), answer("c", conversation="k", seen=seen))
        self.assertEqual(self.history("b"), ["in_a", "out_a", "in_b", "out_b"])
        self.assertEqual(self.history("c"), ["x", "in_c", "out_c"])

    def test_an_id_may_be_used_again(self) -> None:
        self.keep(answer("a"), answer("b", "a"))
        self.of(self.store.delete("me", "a"))
        self.keep(answer("a", input=items("new")), answer("c", "a"))
        self.assertEqual(self.history("b"), ["in_a", "out_a", "in_b", "out_b"])
        self.assertEqual(self.history("c"), ["new", "out_a", "in_c", "out_c"])

    # Owners

    def test_to_anybody_else_it_does_not_exist(self) -> None:
        self.keep(answer("a"), frames=b"x")
        self.converse("k", "x")
        for asked in (self.store.response, self.store.input_items, self.store.conversation):
            self.assertIsNone(self.of(asked("you", "a")))
        self.assertIsNone(self.of(self.store.conversation_items("you", "k")))
        self.assertEqual(self.of(self.store.frames("you", "a")), b"")
        self.assertEqual(self.recall("a", owner="you"), Recalled(None))
        self.assertEqual(self.recall(conversation="k", owner="you"), Recalled(None))
        self.assertIsNone(self.referenced("in_a", owner="you"))
        for done in (self.store.delete("you", "a"), self.store.end_conversation("you", "k")):
            self.assertIs(self.of(done), False)
        self.assertIs(self.of(self.store.take_out("you", "k", "x")), False)
        self.assertEqual(self.history("a"), ["in_a", "out_a"])

    def test_nobody_goes_on_from_what_is_not_theirs(self) -> None:
        self.keep(answer("a"), answer("b", "a", owner="you"))
        self.converse("k", "x")
        self.keep(answer("c", owner="you", conversation="k"))
        self.assertEqual(names(self.recall("b", owner="you").history), ["in_b", "out_b"])
        self.assertEqual(names(self.recall("c", owner="you").history), ["in_c", "out_c"])
        self.assertEqual(self.entries("k"), ["x"])

    def test_owners_may_use_the_same_ids(self) -> None:
        self.keep(answer("a", body=b"mine"), answer("a", body=b"yours", owner="you"))
        self.assertEqual(self.of(self.store.response("me", "a")).body, b"mine")
        self.assertEqual(self.of(self.store.response("you", "a")).body, b"yours")

    # References

    def test_a_reference_finds_an_item_of_an_answer_or_a_conversation(self) -> None:
        self.keep(answer("a"))
        self.converse("k", "x")
        found = self.recall(references=("in_a", "x", "nowhere")).items
        self.assertEqual(dict(found), {item.id: item for item in items("in_a", "x")})

    def test_a_reference_finds_what_was_kept_last(self) -> None:
        old, new = KeptItem("x", b"old"), KeptItem("x", b"new")
        self.keep(answer("a", input=(old,)), answer("b", input=(new,)))
        self.assertEqual(self.referenced("x"), new)
        self.keep(answer("a", input=(old,)))
        self.assertEqual(self.referenced("x"), old)
        self.of(self.store.delete("me", "a"))
        self.assertEqual(self.referenced("x"), new)

    def test_a_reference_finds_nothing_in_what_was_deleted(self) -> None:
        self.keep(answer("a"), answer("b", "a"))
        self.converse("k", "x", "y")
        self.keep(answer("c", conversation="k"))
        self.of(self.store.take_out("me", "k", "y"))
        self.assertIsNone(self.referenced("y"))
        self.of(self.store.delete("me", "a"))
        self.of(self.store.end_conversation("me", "k"))
        self.assertEqual([self.referenced(id) for id in ("in_a", "out_a", "x")], [None] * 3)

    def test_references_go_with_anything(self) -> None:
        self.keep(answer("a"))
        self.converse("k", "x")
        for wanted in ({"previous": "a"}, {"conversation": "k"}, {"previous": "no"}, {"conversation": "no"}):
            self.assertEqual(list(self.recall(references=("x",), **wanted).items), ["x"])

    # Conversations

    def test_a_conversation_is_given_as_it_was_kept_last(self) -> None:
        first, second = KeptConversation("k", "me", 1, b"1"), KeptConversation("k", "me", 2, b"2")
        self.of(self.store.converse(first, items("a")))
        self.assertEqual(self.of(self.store.conversation("me", "k")), first)
        self.of(self.store.converse(second, items("b")))
        self.assertEqual(self.of(self.store.conversation("me", "k")), second)
        self.assertEqual(self.entries("k"), ["a", "b"])

    def test_an_answer_of_a_conversation_goes_to_its_end_once(self) -> None:
        self.converse("k", "x")
        self.keep(answer("a", standing="queued", output=(), conversation="k"))
        self.assertEqual(self.entries("k"), ["x"])
        self.keep(answer("a", conversation="k"), answer("a", conversation="k", body=b"again"))
        self.assertEqual(self.entries("k"), ["x", "in_a", "out_a"])

    def test_an_item_that_was_taken_out_does_not_come_back_with_its_answer(self) -> None:
        self.converse("k")
        self.keep(answer("a", conversation="k"))
        self.of(self.store.take_out("me", "k", "in_a"))
        self.keep(answer("a", conversation="k", body=b"again"))
        self.assertEqual(self.entries("k"), ["out_a"])

    def test_an_item_that_is_there_stays_where_it_is(self) -> None:
        self.converse("k", "x", "y")
        self.of(self.store.converse(KeptConversation("k", "me", 1, b"{}"), (KeptItem("x", b"other"),)))
        self.assertEqual(self.of(self.store.conversation_items("me", "k")), items("x", "y"))

    def test_an_item_that_was_taken_out_may_come_again(self) -> None:
        self.converse("k", "x", "y")
        self.assertIs(self.of(self.store.take_out("me", "k", "x")), True)
        self.assertIs(self.of(self.store.take_out("me", "k", "x")), False)
        self.converse("k", "x")
        self.assertEqual(self.entries("k"), ["y", "x"])

    def test_a_conversation_is_continued_by_all_that_is_in_it(self) -> None:
        self.converse("k", "x")
        self.keep(answer("a", conversation="k"))
        self.assertEqual(names(self.recall(conversation="k").history), ["x", "in_a", "out_a"])
        self.assertEqual(self.recall(conversation="none").history, None)
        self.converse("empty")
        self.assertEqual(self.recall(conversation="empty"), Recalled((), seen=0))

    def test_an_answer_of_a_conversation_goes_on_from_what_it_saw(self) -> None:
        self.converse("k", "x", "y")
        self.keep(answer("a", conversation="k"), answer("b", conversation="k"), answer("c", "a"))
        self.of(self.store.take_out("me", "k", "y"))
        self.converse("k", "z")
        self.assertEqual(self.history("a"), ["x", "in_a", "out_a"])
        self.assertEqual(self.history("b"), ["x", "in_a", "out_a", "in_b", "out_b"])
        self.assertEqual(self.history("c"), ["x", "in_a", "out_a", "in_c", "out_c"])

    def test_an_answer_saw_what_was_there_when_it_was_asked(self) -> None:
        self.converse("k", "x")
        seen = self.recall(conversation="k").seen
        self.keep(answer("a", conversation="k"), answer("b", conversation="k", seen=seen))
        self.assertEqual(self.history("b"), ["x", "in_b", "out_b"])
        self.assertEqual(self.of(self.store.response("me", "b")).seen, seen)

    def test_an_item_is_not_taken_for_one_that_was_there_before_it(self) -> None:
        self.converse("k", "x", "y")
        self.keep(answer("a", standing="running", input=(), output=(), conversation="k"))
        self.of(self.store.take_out("me", "k", "y"))
        self.converse("k", "z")
        self.assertEqual(self.history("a"), ["x"])

    def test_an_answer_that_is_being_made_does_not_see_what_comes_meanwhile(self) -> None:
        self.converse("k", "x")
        self.keep(answer("a", standing="queued", output=(), conversation="k"))
        self.converse("k", "y")
        self.keep(answer("a", conversation="k"))
        self.assertEqual(self.history("a"), ["x", "in_a", "out_a"])
        self.assertEqual(self.entries("k"), ["x", "y", "in_a", "out_a"])

    def test_answers_of_a_conversation_stay_when_it_goes(self) -> None:
        self.converse("k", "x")
        self.keep(answer("a", conversation="k"))
        self.assertIs(self.of(self.store.end_conversation("me", "k")), True)
        self.assertIs(self.of(self.store.end_conversation("me", "k")), False)
        self.assertIsNone(self.of(self.store.conversation("me", "k")))
        self.assertIsNone(self.entries("k"))
        self.assertEqual(self.recall(conversation="k").history, None)
        self.assertEqual(self.history("a"), ["x", "in_a", "out_a"])
        self.assertEqual(self.of(self.store.response("me", "a")).conversation, "k")

    def test_an_answer_does_not_bring_its_conversation_back(self) -> None:
        self.converse("k", "x")
        self.keep(answer("a", standing="queued", conversation="k"))
        self.of(self.store.end_conversation("me", "k"))
        self.keep(answer("a", conversation="k"))
        self.assertIsNone(self.entries("k"))

    def test_a_deleted_answers_items_stay_in_their_conversation(self) -> None:
        self.converse("k")
        self.keep(answer("a", conversation="k"))
        self.of(self.store.delete("me", "a"))
        self.assertEqual(self.entries("k"), ["in_a", "out_a"])
        self.assertEqual(self.referenced("in_a"), *items("in_a"))

    # Pruning

    def left(self, *ids: str) -> list[str]:
        return [id for id in ids if self.of(self.store.response("me", id))]

    def test_what_is_too_old_goes(self) -> None:
        self.keep(*(answer(id, created=at) for id, at in (("a", 10), ("b", 20), ("c", 5))))
        self.assertEqual(self.of(self.store.prune(20, 100)), 2)
        self.assertEqual(self.left("a", "b", "c"), ["b"])

    def test_the_oldest_of_too_many_go(self) -> None:
        self.keep(*(answer(id, created=at) for id, at in (("a", 10), ("b", 20), ("c", 5), ("d", 10))))
        self.assertEqual(self.of(self.store.prune(0, 2)), 2)
        self.assertEqual(self.left("a", "b", "c", "d"), ["b", "d"])

    def test_what_is_not_over_stays_and_counts(self) -> None:
        self.keep(answer("a", standing="queued"), answer("b", standing="running"), answer("c", created=2))
        self.assertEqual(self.of(self.store.prune(100, 2)), 1)
        self.assertEqual(self.left("a", "b", "c"), ["a", "b"])

    def test_a_history_outlives_what_is_pruned(self) -> None:
        self.keep(answer("a", created=1), answer("b", "a", created=50))
        self.of(self.store.prune(20, 100))
        self.assertEqual(self.left("a", "b"), ["b"])
        self.assertEqual(self.history("b"), ["in_a", "out_a", "in_b", "out_b"])

    def test_a_conversation_that_nobody_uses_goes(self) -> None:
        for id in ("unused", "added", "answered", "taken"):
            self.converse(id, "x")
        self.now = 2000.0
        self.converse("added", "y")
        self.keep(answer("a", created=2000, conversation="answered"))
        self.of(self.store.take_out("me", "taken", "x"))
        self.assertEqual(self.of(self.store.prune(1500, 100)), 0)
        self.assertEqual(
            [self.entries(id) for id in ("unused", "added", "answered", "taken")],
            [None, ["x", "y"], ["x", "in_a", "out_a"], []],
        )

    def test_what_is_not_there_is_neither_amended_nor_added_to(self) -> None:
        other = KeptConversation("k", "me", 1, b'{"other":1}')
        for _ in range(2):
            self.assertFalse(self.of(self.store.amend(other)))
            self.assertFalse(self.of(self.store.add("me", "k", items("x"))))
            self.assertIsNone(self.of(self.store.conversation("me", "k")))
            self.converse("k", "x")
            self.of(self.store.end_conversation("me", "k"))

    def test_what_is_there_is_amended_or_added_to_and_stays_as_it_is_otherwise(self) -> None:
        self.converse("k", "x")
        other = KeptConversation("k", "me", 1, b'{"other":1}')
        self.assertTrue(self.of(self.store.amend(other)))
        self.assertTrue(self.of(self.store.add("me", "k", items("y"))))
        self.assertFalse(self.of(self.store.add("somebody", "k", items("z"))))
        self.assertEqual(self.of(self.store.conversation("me", "k")), other)
        self.assertEqual(self.entries("k"), ["x", "y"])

    def test_of_too_many_conversations_those_that_waited_longest_go(self) -> None:
        for self.now, id in ((1000.0, "a"), (1001.0, "b"), (1002.0, "c")):
            self.converse(id, "x")
        self.keep(answer("r", standing="running", conversation="a"))
        self.now = 1003.0
        self.converse("b", "y")
        self.of(self.store.prune(0, 2))
        self.assertEqual([self.entries(id) for id in "abc"], [["x"], ["x", "y"], None])

    def test_a_conversation_in_which_an_answer_is_being_made_stays(self) -> None:
        self.converse("k", "x")
        self.keep(answer("a", standing="running", conversation="k"))
        self.now = 2000.0
        self.of(self.store.prune(1500, 100))
        self.assertEqual(self.entries("k"), ["x"])

    # Leaving

    def test_who_does_not_wait_does_no_harm(self) -> None:
        asked = self.store.keep(answer("a"))
        asked.cancel()
        self.assertIsNone(self.of(asked))
        self.assertEqual(self.left("a"), ["a"])


class RealStoreTests(Contract, SynchronousTestCase):
    make = real_store


class FakeStoreTests(Contract, SynchronousTestCase):
    make = FakeStore

    def test_calls_that_are_held_take_effect_in_order(self) -> None:
        self.store.hold()
        asked = [self.store.keep(answer("a")), self.store.response("me", "a"), self.store.delete("me", "a")]
        self.assertEqual([d.called for d in asked], [False] * 3)
        self.assertEqual(self.store.waiting, 3)
        self.store.release()
        self.assertEqual([self.of(d) for d in asked], [None, answer("a"), True])

    def test_a_call_that_is_held_may_be_cancelled(self) -> None:
        self.store.hold()
        asked = self.store.keep(answer("a"))
        asked.cancel()
        self.store.release()
        self.failureResultOf(asked, CancelledError)
        self.assertEqual(self.left("a"), ["a"])

    def test_a_call_that_fails_changes_nothing(self) -> None:
        self.store.fail()
        failed = self.store.keep(answer("a"))
        self.assertEqual(self.failureResultOf(failed).value.fault.kind, "store_failed")
        self.assertEqual(self.left("a"), [])
        self.assertEqual(self.store.calls, ["keep", "response"])


def names(found: tuple[KeptItem, ...] | None) -> list[str] | None:
    return None if found is None else [item.id for item in found]
